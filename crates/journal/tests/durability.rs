//! What a journal promises across the end of its process: this program starts itself as the process that dies.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use foretell_journal::{AppendError, Batch, Journal, Options, Sync};

/// Small, so that segments begin and end all the time.
const OPTIONS: Options = Options { segment_bytes: 4096, max_bytes: 1 << 30, sync: Sync::Never };
const THREADS: u64 = 3;

fn main() {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    match arguments.as_slice() {
        [mode, folder] if mode == "append" => append_for_ever(Path::new(folder)),
        [mode, folder] if mode == "fill" => fill(Path::new(folder)),
        _ => {
            nothing_acknowledged_is_lost_by_killing_the_process();
            a_full_disk_refuses_records_and_damages_none();
        }
    }
}

fn child(mode: &str, folder: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args([mode.as_ref(), folder.as_os_str()]).stdout(Stdio::piped());
    command
}

fn number_of(text: &str) -> u64 {
    text.parse().expect("a number")
}

/// Appends `thread number` for ever, and says so after each one.
fn append_for_ever(folder: &Path) {
    let (journal, _reader) = Journal::open(folder, OPTIONS).expect("a journal");
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let mut appender = journal.appender();
            scope.spawn(move || {
                for number in 0.. {
                    let padding = " ".repeat((number % 97) as usize);
                    appender.append(format!("{thread} {number}{padding}").as_bytes()).expect("there is room");
                    std::io::stdout()
                        .write_all(format!("{thread} {number}\n").as_bytes())
                        .expect("somebody listens");
                }
            });
        }
    });
}

/// All that waits: how many records of each thread, each exactly once and in order.
fn count(folder: &Path) -> BTreeMap<u64, u64> {
    let (journal, mut reader) = Journal::open(folder, OPTIONS).expect("a journal");
    let mut counts = BTreeMap::new();
    let mut batch = Batch::default();
    while reader.read(&mut batch, 100, 8192).expect("segments can be read") {
        for (_, payload) in batch.records() {
            let text = std::str::from_utf8(payload).expect("a text").trim_end();
            let (thread, number) = text.split_once(' ').expect("two numbers");
            let next = counts.entry(number_of(thread)).or_insert(0);
            assert_eq!(number.parse(), Ok(*next), "records of thread {thread} are not in order");
            *next += 1;
        }
        reader.done(&batch);
    }
    reader.sweep().expect("segments can be deleted");
    assert_eq!((journal.stats().damaged, journal.stats().segments), (0, 0));
    counts
}

fn nothing_acknowledged_is_lost_by_killing_the_process() {
    for round in 0..10 {
        let folder = tempfile::tempdir().expect("a folder");
        let mut child = child("append", folder.path()).spawn().expect("a child");
        let mut lines = BufReader::new(child.stdout.take().expect("its output"));
        let mut acknowledged = BTreeMap::new();
        let mut line = String::new();
        let mut take = |line: &str| {
            let (thread, number) = line.trim_end().split_once(' ').expect("two numbers");
            acknowledged.insert(number_of(thread), number_of(number) + 1);
        };
        for _ in 0..1000 + 777 * round {
            line.clear();
            assert!(lines.read_line(&mut line).expect("a line") > 0, "the child ended by itself");
            take(&line);
        }
        child.kill().expect("the child runs");
        let mut rest = String::new();
        lines.read_to_string(&mut rest).expect("text");
        child.wait().expect("the child ended");
        // The last line may be cut.
        rest.split_inclusive('\n').filter(|line| line.ends_with('\n')).for_each(&mut take);
        let kept = count(folder.path());
        for (thread, acknowledged) in acknowledged {
            assert!(
                kept[&thread] >= acknowledged,
                "thread {thread}: {} kept, {acknowledged} said",
                kept[&thread]
            );
            assert!(kept[&thread] <= acknowledged + 1, "only one record can be written and not said yet");
        }
    }
}

/// Appends until the disk takes no more, then shorter records, and prints how many it took.
fn fill(folder: &Path) {
    let (journal, _reader) =
        Journal::open(folder, Options { segment_bytes: 64 << 20, ..OPTIONS }).expect("a journal");
    let mut appender = journal.appender();
    let mut number = 0;
    let mut refused = 0;
    while refused < 20 {
        // Short ones fit where a long one did not.
        let padding = " ".repeat(if refused % 2 == 0 { 1000 } else { 0 });
        match appender.append(format!("0 {number}{padding}").as_bytes()) {
            Ok(()) => number += 1,
            Err(AppendError::Io { .. }) => refused += 1,
            Err(error) => panic!("{error}"),
        }
    }
    std::io::stdout().write_all(number.to_string().as_bytes()).expect("somebody listens");
}

/// The limit on the size of a file stands for the disk: a write is cut where it is reached.
fn a_full_disk_refuses_records_and_damages_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let command = child("fill", folder.path());
    let limited = "trap '' XFSZ; ulimit -f 40; exec \"$@\"";
    let mut shell = Command::new("sh");
    shell.args(["-c", limited, "sh"]).arg(command.get_program()).args(command.get_args());
    let output = shell.output().expect("a shell");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let taken: u64 = number_of(String::from_utf8_lossy(&output.stdout).trim());
    assert!(taken > 18, "{taken} records in 20 KiB");
    assert_eq!(count(folder.path()), BTreeMap::from([(0, taken)]));
}
