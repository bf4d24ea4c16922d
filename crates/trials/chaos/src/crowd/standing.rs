//! Peers that stand still: slow readers and half-senders.

use std::time::Duration;

use fastrand::Rng;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

use crate::{
    crowd::Crowd,
    history::now_ms,
    sightings::{Ending, Stillness, Stood},
    timetable::{HEALED_BY_MS, LET_GO_WITHIN_MS},
};

/// Pictures that are asked for at once: far more than any buffer on the way has room for.
const PICTURES: usize = 4_000;

/// How long a slow reader reads nothing, in milliseconds.
const UNREAD_MS: std::ops::Range<u64> = 2_000..5_000;

/// Between two of them, in milliseconds.
const PAUSE_MS: std::ops::Range<u64> = 200..1_000;

const HALF_A_BODY: &str = "POST /purchase HTTP/1.1\r\nHost: crowd\r\n\
                           Content-Type: application/x-www-form-urlencoded\r\n\
                           Content-Length: 41\r\n\r\nc";

const HALF_A_HEAD: &str = "GET /health HTTP/1.1\r\nHo";

impl Crowd {
    /// Stands still again and again. When all faults are healed, once more for as long as the
    /// service may take to let go: then it shows whether it does.
    pub(super) async fn stand_still(self, how: Stillness, mut rng: Rng) {
        let calm_ms = self.opens_ms + i64::from(HEALED_BY_MS);
        while now_ms() < calm_ms {
            let left_ms = u64::try_from(calm_ms - now_ms()).unwrap_or(0);
            let lasts = Duration::from_millis(rng.u64(UNREAD_MS).min(left_ms));
            self.stand(how, rng.usize(0..self.client.len()), lasts).await;
            sleep(Duration::from_millis(rng.u64(PAUSE_MS).min(left_ms))).await;
        }
        let left_ms = u64::try_from(self.ends_ms - now_ms()).unwrap_or(0);
        let lasts = match how {
            Stillness::NeverReads => rng.u64(UNREAD_MS),
            Stillness::BodyStops | Stillness::HeadStops => u64::from(LET_GO_WITHIN_MS),
        };
        let lasts = Duration::from_millis(lasts.min(left_ms));
        self.stand(how, rng.usize(0..self.client.len()), lasts).await;
    }

    /// Stands still for so long, or until the service has had enough.
    async fn stand(&self, how: Stillness, service: usize, lasts: Duration) {
        let began_ms = now_ms();
        let address = self.client.address(service);
        let standing = async {
            let Ok(mut stream) = TcpStream::connect(address).await else { return Ending::Closed };
            match how {
                Stillness::NeverReads => ask_for_pictures(&mut stream, self.sale).await,
                Stillness::BodyStops => hear(&mut stream, HALF_A_BODY).await,
                Stillness::HeadStops => hear(&mut stream, HALF_A_HEAD).await,
            }
        };
        let ending = timeout(lasts, standing).await.unwrap_or(Ending::LetGo);
        let ended_ms = now_ms();
        self.sightings.note_stood(Stood { how, service, began_ms, ended_ms, ending });
    }
}

/// Asks, and reads nothing. It does not end by itself unless the connection is broken.
async fn ask_for_pictures(stream: &mut TcpStream, sale: i64) -> Ending {
    let one = format!("GET /items/{sale}/1.svg HTTP/1.1\r\nHost: crowd\r\n\r\n");
    match stream.write_all(one.repeat(PICTURES).as_bytes()).await {
        Ok(()) => std::future::pending().await,
        Err(_) => Ending::Closed,
    }
}

/// Sends these words and no more, and hears how they are answered.
async fn hear(stream: &mut TcpStream, words: &str) -> Ending {
    if stream.write_all(words.as_bytes()).await.is_err() {
        return Ending::Closed;
    }
    let mut answer = Vec::new();
    // An answer that is broken off has still begun with its status.
    let _ = stream.take(1_024).read_to_end(&mut answer).await;
    status_of(&answer).map_or(Ending::Closed, Ending::Answered)
}

fn status_of(answer: &[u8]) -> Option<u16> {
    std::str::from_utf8(answer.get(..12)?).ok()?.strip_prefix("HTTP/1.1 ")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_known_by_its_status() {
        assert_eq!(status_of(b"HTTP/1.1 408 Request Timeout\r\n"), Some(408));
        assert_eq!(status_of(b""), None);
        assert_eq!(status_of(b"HTTP/1.1 4"), None);
    }
}
