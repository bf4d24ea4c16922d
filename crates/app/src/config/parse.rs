//! Reading values that clap has no parser for; what is wrong with one is said in a sentence.

use std::{
    fmt::Display, net::SocketAddr, num::NonZeroUsize, ops::RangeInclusive, str::FromStr,
    time::Duration,
};

use domain::{Terms, Timetable, UnixMillis, timetable::PeriodError};

use super::{SalePeriod, ms, window};

/// How many threads may serve HTTP: as many as actix can run.
const HTTP_WORKERS: RangeInclusive<u16> = 1..=512;

/// How many requests of one thread may wait for a store. A million wait for half a minute.
const QUEUE_MAX: RangeInclusive<usize> = 1..=1_048_576;

/// How long a request may expect to wait for a store: longer than a lone call, and no longer than a
/// client waits.
const QUEUE_WAIT_MAX: RangeInclusive<Duration> =
    Duration::from_millis(10)..=Duration::from_secs(60);

/// How many requests may go to a store in one call. What is gained ends long before.
const BATCH_MAX: RangeInclusive<usize> = 1..=8_192;

pub(super) fn parse_address(text: &str) -> Result<SocketAddr, String> {
    let needs = |_| "must be an IP address and a port, such as 127.0.0.1:8080".to_owned();
    text.parse().map_err(needs)
}

pub(super) fn parse_workers(text: &str) -> Result<u16, String> {
    number_within(text, &HTTP_WORKERS)
}

/// How few are too few is for whoever shares them out.
pub(super) fn parse_connections(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| "must be a whole number, 3 or more".to_owned())
}

pub(super) fn parse_stock(text: &str) -> Result<u32, String> {
    number_within(text, &Terms::STOCK_OF_NEW)
}

pub(super) fn parse_per_user_limit(text: &str) -> Result<u16, String> {
    number_within(text, &Terms::PER_USER_LIMIT)
}

pub(super) fn parse_queue(text: &str) -> Result<NonZeroUsize, String> {
    parse_bounded(text, &QUEUE_MAX)
}

pub(super) fn parse_batch(text: &str) -> Result<NonZeroUsize, String> {
    parse_bounded(text, &BATCH_MAX)
}

pub(super) fn parse_queue_wait(text: &str) -> Result<Duration, String> {
    duration_within(text, &QUEUE_WAIT_MAX)
}

fn parse_bounded(text: &str, bounds: &RangeInclusive<usize>) -> Result<NonZeroUsize, String> {
    let number = number_within(text, bounds)?;
    NonZeroUsize::new(number).ok_or_else(|| must_be_within(bounds))
}

/// A number within these bounds.
fn number_within<N>(text: &str, bounds: &RangeInclusive<N>) -> Result<N, String>
where
    N: FromStr + PartialOrd + Display,
{
    let number = text.parse().ok().filter(|number| bounds.contains(number));
    number.ok_or_else(|| must_be_within(bounds))
}

fn must_be_within<N: Display>(bounds: &RangeInclusive<N>) -> String {
    format!("must be a whole number from {} to {}", bounds.start(), bounds.end())
}

/// A duration within these bounds.
pub(super) fn duration_within(
    text: &str,
    bounds: &RangeInclusive<Duration>,
) -> Result<Duration, String> {
    let [shortest, longest] =
        [bounds.start(), bounds.end()].map(|it| humantime::format_duration(*it).to_string());
    let within = format!("from {shortest} to {longest}");
    let duration = duration(text).map_err(|must_be| format!("{must_be}, {within}"))?;
    if bounds.contains(&duration) { Ok(duration) } else { Err(format!("must be {within}")) }
}

fn duration(text: &str) -> Result<Duration, String> {
    let needs = |_| "must be a duration, such as 100ms, 30s, 5m or 1h".to_owned();
    humantime::parse_duration(text).map_err(needs)
}

pub(super) fn parse_period(text: &str) -> Result<SalePeriod, String> {
    if text.eq_ignore_ascii_case("off") {
        return Ok(SalePeriod::Off);
    }
    let wrong = |error: PeriodError| format!("{error}, or `off`");
    // What is no duration divides nothing.
    let period = duration(text).map_err(|_| wrong(PeriodError))?;
    Timetable::check_period(ms(period)).map_err(wrong)?;
    Ok(SalePeriod::Every(period))
}

pub(super) fn parse_lasts(text: &str) -> Result<Duration, String> {
    let lasts = duration(text)?;
    window(UnixMillis(0), lasts).map_err(|error| error.to_string())?;
    Ok(lasts)
}

pub(super) fn parse_hold(text: &str) -> Result<Duration, String> {
    let [shortest, longest] = [Terms::HOLD_MS_OF_NEW.start(), Terms::HOLD_MS_OF_NEW.end()]
        .map(|ms| Duration::from_millis(ms.unsigned_abs()));
    duration_within(text, &(shortest..=longest))
}

pub(super) fn parse_moment(text: &str) -> Result<UnixMillis, String> {
    let needs = |_| "must be a moment with its offset, such as 2026-11-27T18:00:00Z".to_owned();
    let moment: jiff::Timestamp = text.parse().map_err(needs)?;
    Ok(UnixMillis(moment.as_millisecond()))
}
