//! A connection on which a transaction was left open: whatever is sent there is queued, and nothing is
//! done.

use std::{
    io::{self, BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    thread,
};

use domain::{
    Failure,
    ports::{HoldRequest, PlaceReply},
};
use store_contract::fixtures::{code_of_no_sale, open_sale, user};

use crate::stores::{Ledger, live_at};

const UNKNOWN: &str = "-ERR unknown command\r\n";

/// What a server does that none of ours would be brought to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Slip {
    /// It carries MULTI out, and says so with its next answer.
    LateMulti,
    /// It is in a transaction after the connection was looked at.
    LeftOpen,
    /// It knows no EXEC.
    NoExec,
    /// Neither that nor DISCARD.
    NoExecNorDiscard,
}

/// A server that serves no sale, whose first connection goes wrong; where it is.
fn server_that_slips(slip: Slip) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for (nth, stream) in listener.incoming().enumerate() {
            let slip = (nth == 0).then_some(slip);
            thread::spawn(move || answer(&stream?, slip));
        }
    });
    url
}

fn answer(stream: &TcpStream, slip: Option<Slip>) -> io::Result<()> {
    let (mut reader, mut writer) = (BufReader::new(stream), stream);
    let (mut is_open, mut is_late, mut calls) = (false, false, 0);
    loop {
        let words = read_command(&mut reader)?;
        let word = words[0].to_ascii_uppercase();
        if std::mem::take(&mut is_late) {
            writer.write_all(b"+OK\r\n")?;
        }
        calls += usize::from(word == "FCALL");
        is_open |= slip == Some(Slip::LeftOpen) && calls > 1;
        let says = match word.as_str() {
            "GIVE_UP_THIS_TRANSACTION" => UNKNOWN,
            "EXEC" if matches!(slip, Some(Slip::NoExec | Slip::NoExecNorDiscard)) => UNKNOWN,
            "DISCARD" if slip == Some(Slip::NoExecNorDiscard) => UNKNOWN,
            "EXEC" => {
                is_open = false;
                "-EXECABORT Transaction discarded because of previous errors.\r\n"
            }
            "DISCARD" => {
                is_open = false;
                "+OK\r\n"
            }
            _ if is_open => "+QUEUED\r\n",
            "MULTI" => {
                is_open = true;
                is_late = slip == Some(Slip::LateMulti);
                if is_late { "" } else { "+OK\r\n" }
            }
            "FCALL" => "$10\r\nnot_loaded\r\n",
            "INFO" => "-NOPERM this user has no permissions\r\n",
            _ => "+OK\r\n",
        };
        writer.write_all(says.as_bytes())?;
    }
}

/// The words of one command, `*2`, `$4`, `PING`, `$1`, `1`.
fn read_command(reader: &mut impl BufRead) -> io::Result<Vec<String>> {
    let mut number = || -> io::Result<(usize, Vec<u8>)> {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let number = line.trim_end()[1..].parse().map_err(io::Error::other)?;
        if !line.starts_with('$') {
            return Ok((number, Vec::new()));
        }
        let mut word = vec![0; number + 2];
        reader.read_exact(&mut word)?;
        word.truncate(number);
        Ok((number, word))
    };
    let (count, _) = number()?;
    let words = (0..count).map(|_| Ok(String::from_utf8_lossy(&number()?.1).into_owned()));
    words.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_may_be_in_a_transaction_is_used_no_more() {
    for slip in [Slip::LateMulti, Slip::LeftOpen] {
        let live = live_at(&server_that_slips(slip), Ledger(7));
        // Of those who keep their connection, and do not ask whether it is well before each call.
        let place = || {
            live.codes.place_hold(HoldRequest {
                code: code_of_no_sale(),
                user: user("ann"),
                has_key: false,
            })
        };

        let first = place().await;
        let second = place().await;

        // A connection that was made ahead may have been the bad one.
        assert!(first.is_ok() || first.unwrap_err().failure() == Failure::Unknown);
        assert!(matches!(second, Ok(PlaceReply::NotLoaded)), "{second:?}");
    }
}

/// Somebody has renamed what ends one.
#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_cannot_be_carried_out_is_given_up_and_if_it_cannot_be_it_is_said() {
    let given_up = live_at(&server_that_slips(Slip::NoExec), Ledger(7));
    let left_open = live_at(&server_that_slips(Slip::NoExecNorDiscard), Ledger(7));
    let sale = open_sale(1, 1).id;

    assert_eq!(given_up.sales.status(sale).await.unwrap(), None);
    let error = left_open.sales.status(sale).await.unwrap_err();

    assert_eq!(error.failure(), Failure::NotDone);
    assert!(error.remedy().is_some_and(|remedy| remedy.contains("EXEC")), "{error:?}");
}
