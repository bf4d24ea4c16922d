//! tls: grants with both servers spoken to under TLS, beside grants on the same servers in plain text.

use std::fs;

use dev_servers::{Authority, ServerTls};

use crate::{
    Bench,
    databases::Databases,
    deployment::Deployment,
    error::{BenchError, during},
    figures::{Load, Run},
    scenarios::grant,
    stores::Stores,
};

/// Runs of either.
pub(crate) struct Pairs {
    pub(crate) plain: Vec<Run>,
    pub(crate) tls: Vec<Run>,
}

/// Measures both in turns, so that whatever the machine does meanwhile happens to both.
pub(crate) fn measure(bench: &Bench, load: Load) -> Result<Pairs, BenchError> {
    let authority = Authority::new("bench")?;
    let shown = ServerTls { shows: authority.issue("localhost")?, takes: None };
    let dir = tempfile::tempdir().map_err(during("make a directory for a certificate"))?;
    let file = dir.path().join("authority.pem");
    fs::write(&file, authority.pem()).map_err(during("write a certificate"))?;
    let databases = Databases::start_with_tls(&bench.databases, &shown)?;
    let start = |authority| {
        let stores = Stores::make_with_tls(&databases, &shown, authority)?;
        Deployment::start_on(stores, grant::STOCK)
    };
    let (plain, tls) = (start(None)?, start(Some(&*file))?);
    let sessions =
        "SELECT count(*) FILTER (WHERE ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
                    WHERE datname = current_database() AND application_name = 'flashsale'";
    if plain.stores().number(sessions)? > 0 || tls.stores().number(sessions)? == 0 {
        return Err(BenchError::Wrong("TLS is not where it is to be measured".to_owned()));
    }
    let pairs = bench.repeat(|| Ok((grant::run(&plain, load)?, grant::run(&tls, load)?)))?;
    let (plain, tls) = pairs.into_iter().unzip();
    Ok(Pairs { plain, tls })
}
