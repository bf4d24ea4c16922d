//! The network between two programs: a TCP proxy that can be made a bad one.
//!
//! What a bad network holds up is delivered when it is good again, as TCP does with packets that were
//! dropped; a connection that is cut while it holds something up has lost it for good.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Mutex, watch},
    task::JoinHandle,
    time::{Instant, sleep, sleep_until},
};

/// What happens to bytes under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// They pass.
    Good,
    /// None gets through.
    Blocked,
    /// Requests arrive and are carried out; no answer comes back.
    AnswersBlocked,
    /// Each piece takes this much longer.
    Slow(Duration),
    /// So many bytes a second get through on the way there, of all connections together: what is
    /// behind can do so much and no more, however it is asked.
    Narrow(u32),
}

/// Which way bytes go.
#[derive(Clone, Copy)]
enum Way {
    There,
    Back,
}

/// A port that leads to another, on the runtime it was opened on.
pub struct Proxy {
    port: u16,
    link: Link,
    listening: JoinHandle<()>,
}

#[derive(Clone)]
struct Link {
    target: watch::Sender<u16>,
    condition: watch::Sender<Condition>,
    /// Counts how often all connections were cut.
    cuts: watch::Sender<u64>,
    /// When what was let through a narrow network has gone through it.
    free_at: Arc<Mutex<Instant>>,
}

impl Proxy {
    /// A proxy on a free port of the loopback interface that leads to the port `target`.
    pub async fn to(target: u16) -> io::Result<Self> {
        Self::on(Ipv4Addr::LOCALHOST.into(), 0, target).await
    }

    /// A proxy on this port of an address of this machine that leads to the port `target`.
    pub async fn on(address: IpAddr, port: u16, target: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((address, port)).await?;
        let port = listener.local_addr()?.port();
        let link = Link {
            target: watch::Sender::new(target),
            condition: watch::Sender::new(Condition::Good),
            cuts: watch::Sender::new(0),
            free_at: Arc::new(Mutex::new(Instant::now())),
        };
        let listening = tokio::spawn(link.clone().listen(listener));
        Ok(Self { port, link, listening })
    }

    /// Where it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Makes the network so for what is under way and all that comes.
    pub fn set_condition(&self, condition: Condition) {
        self.link.condition.send_replace(condition);
    }

    /// Resets every connection, whatever is under way.
    pub fn cut(&self) {
        self.link.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Leads to another port from now on; connections to the old one are cut.
    pub fn forward_to(&self, target: u16) {
        self.link.target.send_replace(target);
        self.cut();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.listening.abort();
        self.cut();
    }
}

impl Link {
    async fn listen(self, listener: TcpListener) {
        loop {
            match listener.accept().await {
                Ok((client, _)) => drop(tokio::spawn(self.clone().lead(client))),
                // Out of file descriptors: connections that end make room.
                Err(_) => sleep(Duration::from_millis(10)).await,
            }
        }
    }

    /// Carries one connection until it ends or is cut. Nobody is told of an error here: the
    /// programs at both ends see it.
    async fn lead(self, mut client: TcpStream) {
        let mut cuts = self.cuts.subscribe();
        let mut condition = self.condition.subscribe();
        let connected = async {
            self.pass(Way::There, 0, &mut condition).await;
            let target = SocketAddr::from((Ipv4Addr::LOCALHOST, *self.target.borrow()));
            TcpStream::connect(target).await
        };
        let connected = tokio::select! {
            connected = connected => connected.ok(),
            _ = cuts.changed() => None,
        };
        let Some(mut server) = connected else {
            let _ = client.set_zero_linger();
            return;
        };
        let (_, _) = (client.set_nodelay(true), server.set_nodelay(true));
        let was_cut = {
            let (from_client, to_client) = client.split();
            let (from_server, to_server) = server.split();
            let there = self.carry(Way::There, from_client, to_server);
            let back = self.carry(Way::Back, from_server, to_client);
            tokio::select! {
                // First, so that what a cut lost is not delivered if the network is good again with it.
                biased;
                _ = cuts.changed() => true,
                ended = async { tokio::try_join!(there, back) } => ended.is_err(),
            }
        };
        if was_cut {
            let (_, _) = (client.set_zero_linger(), server.set_zero_linger());
        }
    }

    async fn carry(
        &self,
        way: Way,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
    ) -> io::Result<()> {
        let mut condition = self.condition.subscribe();
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let length = from.read(&mut buffer).await?;
            self.pass(way, length, &mut condition).await;
            if length == 0 {
                return to.shutdown().await;
            }
            to.write_all(&buffer[..length]).await?;
        }
    }

    /// Returns when the network lets so many bytes through.
    async fn pass(&self, way: Way, length: usize, condition: &mut watch::Receiver<Condition>) {
        loop {
            let now = *condition.borrow_and_update();
            match (now, way) {
                (Condition::Good, _)
                | (Condition::AnswersBlocked, Way::There)
                | (Condition::Narrow(_), Way::Back) => return,
                (Condition::Slow(delay), _) => return sleep(delay).await,
                (Condition::Narrow(per_second), Way::There) => {
                    return self.pass_narrow(length, per_second).await;
                }
                (Condition::Blocked, _) | (Condition::AnswersBlocked, Way::Back) => {
                    if condition.changed().await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    /// Waits for the bytes before, of any connection, and as long as these take.
    async fn pass_narrow(&self, length: usize, bytes_per_second: u32) {
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        let takes = Duration::from_secs(length.into()) / bytes_per_second.max(1);
        let mut free_at = self.free_at.lock().await;
        let through_at = (*free_at).max(Instant::now()) + takes;
        *free_at = through_at;
        drop(free_at);
        sleep_until(through_at).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A proxy before a server that counts what it is told, and repeats it.
    async fn echo() -> (Proxy, watch::Receiver<usize>) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (count, hears) = watch::channel(0);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let count = count.clone();
                tokio::spawn(async move {
                    let mut byte = [0];
                    while stream.read_exact(&mut byte).await.is_ok() {
                        count.send_modify(|heard| *heard += 1);
                        let _ = stream.write_all(&byte).await;
                    }
                });
            }
        });
        (Proxy::to(port).await.unwrap(), hears)
    }

    async fn dial(proxy: &Proxy) -> TcpStream {
        TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).await.unwrap()
    }

    #[tokio::test]
    async fn what_is_held_up_arrives_when_the_network_is_good_again() {
        let (proxy, _) = echo().await;
        let mut stream = dial(&proxy).await;
        proxy.set_condition(Condition::Blocked);

        stream.write_all(b"a").await.unwrap();
        let mut answer = [0];
        let early = tokio::time::timeout(Duration::from_millis(50), stream.read(&mut answer)).await;
        proxy.set_condition(Condition::Good);

        assert!(early.is_err());
        assert_eq!(stream.read(&mut answer).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn a_request_whose_answer_is_held_up_is_carried_out() {
        let (proxy, mut hears) = echo().await;
        let mut stream = dial(&proxy).await;
        proxy.set_condition(Condition::AnswersBlocked);

        stream.write_all(b"a").await.unwrap();
        hears.wait_for(|&heard| heard == 1).await.unwrap();
        proxy.cut();
        proxy.set_condition(Condition::Good);

        assert!(stream.read_u8().await.is_err());
    }

    #[tokio::test]
    async fn another_target_is_another_connection() {
        let (proxy, first) = echo().await;
        let (other, second) = echo().await;
        let mut stream = dial(&proxy).await;
        stream.write_all(b"a").await.unwrap();
        stream.read_u8().await.unwrap();

        proxy.forward_to(other.port());
        assert!(stream.read_u8().await.is_err());
        let mut stream = dial(&proxy).await;
        stream.write_all(b"a").await.unwrap();
        stream.read_u8().await.unwrap();

        assert_eq!((*first.borrow(), *second.borrow()), (1, 1));
    }

    #[tokio::test]
    async fn a_narrow_network_is_shared_by_all_connections() {
        let (proxy, mut hears) = echo().await;
        let (mut one, mut other) = (dial(&proxy).await, dial(&proxy).await);
        proxy.set_condition(Condition::Narrow(100));
        let start = Instant::now();

        one.write_all(&[0; 10]).await.unwrap();
        other.write_all(&[0; 10]).await.unwrap();
        hears.wait_for(|&heard| heard == 20).await.unwrap();

        assert!(start.elapsed() >= Duration::from_millis(200), "{:?}", start.elapsed());
    }
}
