//! What a journal promises, within one process.

use std::fs;
use std::path::{Path, PathBuf};

use foretell_journal::{AppendError, Appender, Batch, Journal, Options, Reader, SegmentId, Stats, Sync};
use proptest::prelude::*;
use tempfile::TempDir;

const SMALL: Options = Options { segment_bytes: 256, max_bytes: 64 << 10, sync: Sync::Never };

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// Reads all that waits, a few records at a time.
fn drain(reader: &mut Reader) -> Vec<Vec<u8>> {
    let mut batch = Batch::default();
    let mut records = Vec::new();
    while reader.read(&mut batch, 3, 100).expect("segments can be read") {
        assert!(batch.end() > batch.start());
        let ends: Vec<_> = batch.records().map(|(end, _)| end).collect();
        assert!(ends.is_sorted() && ends.iter().all(|end| *end <= batch.end()));
        records.extend(batch.records().map(|(_, payload)| payload.to_vec()));
        reader.done(&batch);
    }
    records
}

fn append_all(appender: &mut Appender, records: impl IntoIterator<Item = impl AsRef<[u8]>>) {
    records.into_iter().for_each(|record| appender.append(record.as_ref()).expect("there is room"));
}

fn segments(folder: &Path) -> Vec<PathBuf> {
    let entries = |folder: &Path| {
        let list = fs::read_dir(folder).expect("a folder");
        list.map(|entry| entry.expect("an entry").path()).collect::<Vec<_>>()
    };
    let files = entries(folder).into_iter().flat_map(|slot| entries(&slot));
    let mut files: Vec<_> =
        files.filter(|file| file.extension().is_some_and(|end| end == "segment")).collect();
    files.sort();
    files
}

#[test]
fn records_are_read_in_order_and_their_files_go() {
    let folder = folder();
    let (journal, mut reader) = Journal::open(folder.path(), SMALL).unwrap();
    let mut appender = journal.appender();
    let records: Vec<_> = (0..100).map(|number| format!("record {number}").into_bytes()).collect();
    append_all(&mut appender, &records);
    let stats = journal.stats();
    assert_eq!(stats.records, 100);
    assert!(stats.bytes > 100 * 20 && stats.segments > 5, "{stats:?}");
    assert_eq!(drain(&mut reader), records);
    let gone = reader.sweep().unwrap();
    assert_eq!((gone.len(), segments(folder.path()).len()), (stats.segments - 1, 1));
    assert_eq!(journal.stats(), Stats { segments: 1, ..Stats::default() });
    drop(appender);
    assert_eq!(reader.sweep().unwrap().len(), 1);
    assert!(segments(folder.path()).is_empty());
}

#[test]
fn what_is_not_done_is_read_again() {
    let folder = folder();
    let (journal, mut reader) = Journal::open(folder.path(), SMALL).unwrap();
    append_all(&mut journal.appender(), ["a", "b", "c"]);
    let mut batch = Batch::default();
    for _ in 0..2 {
        assert!(reader.read(&mut batch, 2, 1000).unwrap());
        assert_eq!(batch.records().map(|(_, payload)| payload).collect::<Vec<_>>(), [b"a", b"b"]);
    }
    drop((journal, reader));
    let (_journal, mut reader) = Journal::open(folder.path(), SMALL).unwrap();
    assert_eq!(drain(&mut reader), [b"a", b"b", b"c"]);
}

#[test]
fn a_reader_serves_all_appenders_in_turn() {
    let folder = folder();
    let (journal, mut reader) = Journal::open(folder.path(), Options::default()).unwrap();
    let mut appenders = [journal.appender(), journal.appender(), journal.appender()];
    for (number, appender) in appenders.iter_mut().enumerate() {
        append_all(appender, (0..10).map(|record| [number as u8, record]));
    }
    let mut batch = Batch::default();
    let mut seen = Vec::<SegmentId>::new();
    for _ in 0..3 {
        assert!(reader.read(&mut batch, 4, 1000).unwrap());
        reader.done(&batch);
        seen.push(batch.segment().unwrap().clone());
    }
    seen.dedup();
    assert_eq!(seen.len(), 3);
    assert_eq!(drain(&mut reader).len(), 30 - 12);
}

#[test]
fn threads_append_while_another_reads() {
    let folder = folder();
    let (journal, mut reader) =
        Journal::open(folder.path(), Options { max_bytes: 4 << 30, ..SMALL }).unwrap();
    let mut read = Vec::new();
    std::thread::scope(|scope| {
        for thread in 0..3u8 {
            let mut appender = journal.appender();
            scope.spawn(move || {
                append_all(&mut appender, (0..2000u16).map(|n| [thread, (n >> 8) as u8, n as u8]))
            });
        }
        while read.len() < 6000 {
            read.extend(drain(&mut reader));
            reader.sweep().unwrap();
        }
    });
    for thread in 0..3u8 {
        let of_thread: Vec<_> = read.iter().filter(|record| record[0] == thread).collect();
        assert!(of_thread.len() == 2000 && of_thread.is_sorted());
    }
    reader.sweep().unwrap();
    assert_eq!(journal.stats(), Stats::default());
}

#[test]
fn a_full_journal_refuses_until_it_is_read() {
    let folder = folder();
    let options = Options { max_bytes: 1000, ..SMALL };
    let (journal, mut reader) = Journal::open(folder.path(), options).unwrap();
    let mut appender = journal.appender();
    let fits = (0..).take_while(|_| appender.append(&[7; 88]).is_ok()).count();
    assert_eq!(fits, 10);
    let error = appender.append(&[7; 88]).unwrap_err();
    assert!(matches!(error, AppendError::Full { waiting: 1000, limit: 1000 }), "{error}");
    assert!(matches!(appender.prepare(1, 1), Err(AppendError::Full { .. })));
    assert_eq!(drain(&mut reader).len(), 10);
    appender.append(&[7; 88]).unwrap();
    assert!(matches!(appender.append(&vec![0; (16 << 20) + 1]), Err(AppendError::TooLarge { .. })));
}

#[test]
fn what_was_left_counts_until_it_is_read() {
    let folder = folder();
    let options = Options { max_bytes: 1000, ..SMALL };
    let (journal, reader) = Journal::open(folder.path(), options).unwrap();
    append_all(&mut journal.appender(), [[1; 88]; 9]);
    drop((journal, reader));
    let (journal, mut reader) = Journal::open(folder.path(), options).unwrap();
    assert_eq!(journal.stats().bytes, 900);
    let mut appender = journal.appender();
    appender.append(&[2; 88]).unwrap();
    assert!(matches!(appender.append(&[2; 88]), Err(AppendError::Full { .. })));
    assert_eq!(drain(&mut reader).len(), 10);
}

#[test]
fn records_that_belong_together_come_into_one_segment() {
    let folder = folder();
    let (journal, mut reader) = Journal::open(folder.path(), SMALL).unwrap();
    let mut appender = journal.appender();
    let mut expected = Vec::new();
    for number in 0..50u8 {
        let pair = [vec![number; 10 + usize::from(number) * 9], vec![number; 100]];
        let segment = appender.prepare(2, pair[0].len() + pair[1].len()).unwrap();
        append_all(&mut appender, &pair);
        assert_eq!(appender.prepare(0, 0).unwrap(), segment);
        expected.extend(pair.map(|record| (segment, record)));
    }
    let mut batch = Batch::default();
    let mut read = Vec::new();
    while reader.read(&mut batch, usize::MAX, 1 << 20).unwrap() {
        let segment = batch.segment().unwrap().number;
        read.extend(batch.records().map(|(_, payload)| (segment, payload.to_vec())));
        reader.done(&batch);
    }
    assert_eq!(read, expected);
}

#[test]
fn processes_share_a_folder_and_adopt_what_the_dead_left() {
    let folder = folder();
    let open = || Journal::open(folder.path(), SMALL).unwrap();
    let (first, first_reader) = open();
    let (second, mut reader) = open();
    append_all(&mut first.appender(), ["from the first"]);
    append_all(&mut second.appender(), ["from the second"]);
    assert_eq!(reader.adopt().unwrap(), 0);
    assert_eq!(drain(&mut reader), [b"from the second"]);
    drop((first, first_reader));
    assert_eq!(reader.adopt().unwrap(), 1);
    // Whoever comes meanwhile leaves the adopted place alone.
    let (_third, mut third_reader) = open();
    assert!(drain(&mut third_reader).is_empty());
    assert_eq!(drain(&mut reader), [b"from the first"]);
    assert_eq!(reader.sweep().unwrap().len(), 2);
    let (_fourth, mut fourth_reader) = open();
    assert!(drain(&mut fourth_reader).is_empty());
    assert!(segments(folder.path()).is_empty());
}

#[test]
fn a_segment_of_another_form_is_left_alone() {
    let folder = folder();
    let slot = folder.path().join("0");
    fs::create_dir_all(&slot).unwrap();
    let other = slot.join("01KAJ3V4T6Q0ZXH0M2N8R5W7YC-0.segment");
    let begun = slot.join("01KAJ3V4T6Q0ZXH0M2N8R5W7YC-1.segment");
    fs::write(&other, b"foretell log 2\n\0 of a later version").unwrap();
    fs::write(&begun, b"foret").unwrap();
    let (_journal, mut reader) = Journal::open(folder.path(), SMALL).unwrap();
    assert!(drain(&mut reader).is_empty() && reader.sweep().unwrap().is_empty());
    assert!(other.exists() && !begun.exists());
}

#[test]
fn every_kind_of_sync_keeps_records() {
    for sync in [Sync::Always, Sync::Every(std::time::Duration::from_millis(1)), Sync::Never] {
        let folder = folder();
        let (journal, mut reader) = Journal::open(folder.path(), Options { sync, ..SMALL }).unwrap();
        let records: Vec<_> = (0..100u8).map(|number| [number; 20]).collect();
        append_all(&mut journal.appender(), &records);
        drop(journal);
        assert_eq!(drain(&mut reader), records);
    }
}

#[test]
fn a_length_that_was_damaged_costs_no_memory() {
    let folder = folder();
    let (journal, reader) = Journal::open(folder.path(), SMALL).unwrap();
    append_all(&mut journal.appender(), ["first", "second", "third"]);
    drop((journal, reader));
    let path = segments(folder.path()).remove(0);
    for length in [u32::MAX, 16 << 20, 40, 0] {
        let mut bytes = fs::read(&path).unwrap();
        // The length of the second record: behind the head, the first record, and a mark.
        bytes[16 + 17 + 4..][..4].copy_from_slice(&length.to_le_bytes());
        fs::write(&path, bytes).unwrap();
        let (journal, mut reader) = Journal::open(folder.path(), SMALL).unwrap();
        assert_eq!(drain(&mut reader), [&b"first"[..], b"third"], "{length}");
        assert_eq!(journal.stats().damaged, 1);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_records_come_back_in_order(
        records in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..400), 0..60),
        most in 1usize..9,
        bytes in 0usize..600,
    ) {
        let folder = folder();
        let (journal, mut reader) = Journal::open(folder.path(), SMALL).unwrap();
        append_all(&mut journal.appender(), &records);
        let mut batch = Batch::default();
        let mut read = Vec::new();
        while reader.read(&mut batch, most, bytes).unwrap() {
            read.extend(batch.records().map(|(_, payload)| payload.to_vec()));
            reader.done(&batch);
        }
        prop_assert_eq!(read, records);
        reader.sweep().unwrap();
        prop_assert_eq!(journal.stats(), Stats::default());
    }

    #[test]
    fn damage_costs_only_the_records_that_it_touches(
        records in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 1..20),
        place: prop::sample::Index,
        garbage in prop::collection::vec(any::<u8>(), 1..80),
        most in 1usize..9,
        bytes in 0usize..600,
    ) {
        let folder = folder();
        let (journal, reader) = Journal::open(folder.path(), Options::default()).unwrap();
        append_all(&mut journal.appender(), &records);
        drop((journal, reader));
        let path = segments(folder.path()).remove(0);
        let mut file = fs::read(&path).unwrap();
        let start = 16 + place.index(file.len() - 16);
        let end = file.len().min(start + garbage.len());
        file[start..end].copy_from_slice(&garbage[..end - start]);
        fs::write(&path, &file).unwrap();
        // Records end where the heads and payloads before add up to.
        let mut at = 16;
        let untouched = records.iter().filter(|record| {
            let from = at;
            at += 12 + record.len();
            at <= start || from >= end
        });
        let untouched: Vec<_> = untouched.collect();
        let (_journal, mut reader) = Journal::open(folder.path(), Options::default()).unwrap();
        let mut batch = Batch::default();
        let mut read = Vec::new();
        while reader.read(&mut batch, most, bytes).unwrap() {
            read.extend(batch.records().map(|(_, payload)| payload.to_vec()));
            reader.done(&batch);
        }
        let mut rest = read.iter();
        for record in untouched {
            prop_assert!(rest.any(|read| read == record), "{record:?} is lost");
        }
    }

    #[test]
    fn a_file_cut_anywhere_keeps_its_whole_records(
        records in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 1..20),
        cut: prop::sample::Index,
    ) {
        let folder = folder();
        let (journal, reader) = Journal::open(folder.path(), Options::default()).unwrap();
        append_all(&mut journal.appender(), &records);
        drop((journal, reader));
        let path = segments(folder.path()).remove(0);
        let length = cut.index(fs::metadata(&path).unwrap().len() as usize);
        fs::File::options().write(true).open(&path).unwrap().set_len(length as u64).unwrap();
        let mut at = 16;
        let whole = records.iter().take_while(|record| {
            at += 12 + record.len();
            at <= length
        });
        let whole: Vec<_> = whole.cloned().collect();
        let (journal, mut reader) = Journal::open(folder.path(), Options::default()).unwrap();
        prop_assert_eq!(drain(&mut reader), whole);
        prop_assert_eq!(journal.stats().damaged, 0);
    }
}
