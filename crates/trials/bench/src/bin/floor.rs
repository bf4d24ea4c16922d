//! The floor of the bench: what actix-web does on this machine when it only reads the query of
//! a checkout, draws a code and answers. Nothing can be faster in the same house.

use std::io::{self, Write};

use actix_web::{App, HttpResponse, HttpServer, web};
use serde::{Deserialize, Serialize};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Deserialize)]
struct Query {
    user_id: String,
    id: i64,
}

#[derive(Serialize)]
struct Reply {
    code: String,
    sale_id: i64,
    user_id: String,
}

async fn checkout(query: web::Query<Query>) -> HttpResponse {
    let Query { user_id, id } = query.into_inner();
    let mut bits = [0; 16];
    if getrandom::fill(&mut bits).is_err() {
        return HttpResponse::InternalServerError().finish();
    }
    let code = uuid::Uuid::from_bytes(bits).to_string();
    HttpResponse::Ok().json(Reply { code, sale_id: id, user_id })
}

#[actix_web::main]
async fn main() -> io::Result<()> {
    let server = HttpServer::new(|| App::new().route("/checkout", web::post().to(checkout)))
        .workers(2)
        .bind("127.0.0.1:0")?;
    for address in server.addrs() {
        writeln!(io::stderr(), "listening on http://{address}")?;
    }
    server.run().await
}
