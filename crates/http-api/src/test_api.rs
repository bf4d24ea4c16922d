//! The API on stores in memory, for tests of its routes.

use std::{pin::Pin, sync::Arc};

use domain::ports::Tasks;
use fakes::World;

use crate::{
    Api, Hosts, Limits, Manners, Operators, Pictures, StoreNames, Streams, TokenSource, sale_board,
};

/// Has tasks done on the thread that starts them.
struct LocalTasks;

impl Tasks for LocalTasks {
    fn start(&self, task: Pin<Box<dyn Future<Output = ()> + Send>>) {
        actix_web::rt::spawn(task);
    }
}

/// An API on these stores, which believes who asks and limits nobody.
pub(crate) fn api_over(world: &World) -> Api {
    let services = world.services(1);
    let tasks = Arc::new(LocalTasks);
    let product_images = services.product_images(tasks.clone());
    let health = services.health(world.live.clone(), tasks.clone(), true);
    let steering = Arc::new(services.steering(None));
    Api {
        board: sale_board(&services, tasks),
        way: services.way(&health),
        health,
        services,
        owners: world.ledger.clone(),
        lookups: world.ledger.clone(),
        manners: Arc::new(Manners::default()),
        identity: None,
        operators: None,
        steering,
        products: world.ledger.clone(),
        records: None,
        control: None,
        limits: Arc::new(Limits::default()),
        names: StoreNames { ledger: "ledger", live: "live" },
        draw: |_, _| String::new(),
        product_images,
        pictures: Pictures::default(),
        streams: Streams::default(),
    }
}

/// The same where these operate, who ask by the address of this machine or localhost.
pub(crate) fn api_for(world: &World, tokens: &str) -> Api {
    let hosts = Hosts::Of(std::net::Ipv4Addr::LOCALHOST.into());
    let operators = Operators::new(TokenSource::List, tokens, hosts).unwrap();
    Api { operators: Some(Arc::new(operators)), ..api_over(world) }
}
