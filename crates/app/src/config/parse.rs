//! Reading values that clap has no parser for; what is wrong with one is said in a sentence.

use std::{
    net::SocketAddr,
    num::{NonZeroUsize, ParseIntError},
    ops::RangeInclusive,
    time::Duration,
};

use domain::{Terms, Timetable, UnixMillis};

use super::{SalePeriod, ms, window};

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

pub(super) fn parse_queue(text: &str) -> Result<NonZeroUsize, String> {
    parse_bounded(text, &QUEUE_MAX)
}

pub(super) fn parse_batch(text: &str) -> Result<NonZeroUsize, String> {
    parse_bounded(text, &BATCH_MAX)
}

pub(super) fn parse_queue_wait(text: &str) -> Result<Duration, String> {
    let wait = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if QUEUE_WAIT_MAX.contains(&wait) {
        Ok(wait)
    } else {
        let [shortest, longest] = [QUEUE_WAIT_MAX.start(), QUEUE_WAIT_MAX.end()]
            .map(|it| humantime::format_duration(*it).to_string());
        Err(format!("must be from {shortest} to {longest}"))
    }
}

fn parse_bounded(text: &str, bounds: &RangeInclusive<usize>) -> Result<NonZeroUsize, String> {
    let number: NonZeroUsize = text.parse().map_err(|error: ParseIntError| error.to_string())?;
    if bounds.contains(&number.get()) {
        Ok(number)
    } else {
        Err(format!("is not in {}..={}", bounds.start(), bounds.end()))
    }
}

pub(super) fn parse_period(text: &str) -> Result<SalePeriod, String> {
    if text.eq_ignore_ascii_case("off") {
        return Ok(SalePeriod::Off);
    }
    let period = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    Timetable::check_period(ms(period)).map_err(|error| error.to_string())?;
    Ok(SalePeriod::Every(period))
}

pub(super) fn parse_lasts(text: &str) -> Result<Duration, String> {
    let lasts = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    window(UnixMillis(0), lasts).map_err(|error| error.to_string())?;
    Ok(lasts)
}

pub(super) fn parse_hold(text: &str) -> Result<Duration, String> {
    let hold = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    Terms::check_new_hold(ms(hold)).map_err(|error| error.to_string())?;
    Ok(hold)
}

pub(super) fn parse_moment(text: &str) -> Result<UnixMillis, String> {
    let moment: jiff::Timestamp = text.parse().map_err(|error: jiff::Error| error.to_string())?;
    Ok(UnixMillis(moment.as_millisecond()))
}
