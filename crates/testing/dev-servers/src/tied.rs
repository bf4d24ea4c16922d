//! Child processes that do not outlive us, however we end.
//!
//! The kernel can be asked to signal a child when its parent dies, which also works when the
//! parent is killed and can do nothing itself. On systems other than Linux children are ordinary.

use std::{
    ffi::OsStr,
    fs, io, iter,
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        mpsc::{self, Sender, SyncSender},
    },
    thread,
};

/// A signal, by the name `kill` and `setpriv` know it by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Ends at once, unheard. A Postgres killed so leaves its children to notice.
    Kill,
    /// Asks to stop. For Postgres: an immediate shutdown, as after a crash, children included.
    Quit,
    /// Asks to stop, as Ctrl-C does. For Postgres: a fast shutdown, clients cut off.
    Interrupt,
    /// Asks to stop.
    Terminate,
    /// Makes it stand still, unheard, until [`Continue`](Self::Continue).
    Stop,
    /// Lets it go on.
    Continue,
    /// Has it read its settings again, if it is one that does.
    HangUp,
}

impl Signal {
    fn name(self) -> &'static str {
        match self {
            Self::Kill => "KILL",
            Self::Quit => "QUIT",
            Self::Interrupt => "INT",
            Self::Terminate => "TERM",
            Self::Stop => "STOP",
            Self::Continue => "CONT",
            Self::HangUp => "HUP",
        }
    }

    /// Sends the signal to a process that has not been waited for yet: later the number may be
    /// another's.
    pub fn send(self, pid: u32) -> io::Result<()> {
        // The shell's own `kill`: a bare Debian has no other, and the system call is unsafe code.
        let status = Command::new("sh")
            .args(["-c", "kill -s \"$0\" \"$1\"", self.name(), &pid.to_string()])
            // The error says it.
            .stderr(Stdio::null())
            .status()?;
        if status.success() { Ok(()) } else { Err(io::Error::other("kill failed")) }
    }
}

/// A process and its children, first the process itself.
#[must_use]
pub fn family(pid: u32) -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let children = numbers.filter(|&child| parent(child) == Some(pid));
    iter::once(pid).chain(children).collect()
}

/// The parent of a process, from `/proc/PID/stat`, whose second field is a name in parentheses.
fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// A command whose process gets `signal` when the thread that starts it ends.
///
/// [`spawn`] starts it from a thread that ends with the process.
#[must_use]
pub fn command(program: impl AsRef<OsStr>, signal: Signal) -> Command {
    if cfg!(target_os = "linux") {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", signal.name(), "--"]).arg(program);
        command
    } else {
        Command::new(program)
    }
}

/// Starts `command` from a thread that lives as long as this process.
///
/// The kernel's signal comes with the death of the *thread* that started the child, and the
/// thread of a test or of a runtime may be gone long before the process.
pub fn spawn(command: Command) -> io::Result<Child> {
    static KEEPER: OnceLock<Sender<Order>> = OnceLock::new();
    let keeper = KEEPER.get_or_init(|| {
        let (sender, orders) = mpsc::channel::<Order>();
        thread::spawn(move || {
            for Order { mut command, reply } in orders {
                // Whoever ordered waits for the reply, so somebody hears it.
                let _ = reply.send(command.spawn());
            }
        });
        sender
    });

    let (reply, answer) = mpsc::sync_channel(1);
    let gone = || io::Error::other("the thread that starts servers is gone");
    keeper.send(Order { command, reply }).map_err(|_| gone())?;
    answer.recv().map_err(|_| gone())?.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => io::Error::new(
            io::ErrorKind::NotFound,
            "setpriv is missing (Debian's package util-linux has it)",
        ),
        _ => error,
    })
}

struct Order {
    command: Command,
    reply: SyncSender<io::Result<Child>>,
}
