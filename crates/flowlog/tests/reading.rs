//! Everything that people keep flow logs in, whole and damaged.

#![allow(clippy::unwrap_used, reason = "a test fails where it is surprised")]

use std::fs;
use std::io::{Read, Write};

use vpcemu_flowlog::{Entry, Error, FlawKind, Format, Options, Place, Reader};

const LINE: &str = "2 111122223333 eni-web 203.0.113.5 10.0.0.10 0 0 1 3 252 1760000000 1760000030 ACCEPT OK";
const OTHER: &str = "2 111122223333 eni-web 10.0.0.10 203.0.113.5 0 0 1 3 252 1760000000 1760000030 REJECT OK";

fn lenient() -> Options {
    Options { lenient: true, ..Options::default() }
}

fn read(text: impl Into<Vec<u8>>, options: Options) -> Reader {
    Reader::from_read("a.log", std::io::Cursor::new(text.into()), options)
}

/// What was read, as lines of the default format, and the error after it.
fn lines(reader: &mut Reader) -> (Vec<String>, Option<String>) {
    let mut lines = Vec::new();
    for entry in reader.by_ref() {
        match entry {
            Ok(Entry { record, .. }) => {
                let mut line = Vec::new();
                Format::default().write_line(&record, &mut line);
                lines.push(String::from_utf8(line).unwrap().trim_end().to_owned());
            }
            Err(error) => return (lines, Some(error.to_string())),
        }
    }
    (lines, None)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[track_caller]
fn assert_both(bytes: impl Into<Vec<u8>>) {
    let (lines, error) = lines(&mut read(bytes, Options::default()));
    assert_eq!((lines, error), (vec![LINE.to_owned(), OTHER.to_owned()], None));
}

#[test]
fn text_with_and_without_a_header() {
    let header = Format::default().header();
    assert_both(format!("{LINE}\n{OTHER}\n"));
    assert_both(format!("{LINE}\r\n\r\n{OTHER}"));
    assert_both(format!("{header}\n{LINE}\n{OTHER}\n"));
    assert_both(format!("\u{feff}{header}\n{LINE}\n{header}\n{OTHER}\n"));
    assert_both(format!("  {LINE}  \n{}\n", OTHER.replace(' ', "\t")));
}

#[test]
fn gzip_is_known_by_its_first_bytes() {
    assert_both(gzip(format!("{LINE}\n{OTHER}\n").as_bytes()));
    let header = Format::default().header();
    let members = [gzip(format!("{header}\n{LINE}\n").as_bytes()), gzip(format!("{header}\n{OTHER}\n").as_bytes())];
    assert_both(members.concat());
}

#[test]
fn exports_of_cloudwatch() {
    assert_both(format!("2025-01-01T00:00:00.000Z {LINE}\n2025-01-01T00:00:00.000Z {OTHER}\n"));
    assert_both(format!("timestamp,message\n1760000000000,{LINE}\n1760000000000,\"{OTHER}\n\"\n"));
    assert_both(format!("\"@message\",\"@timestamp\"\n\"{LINE}\",\"2025\"\n{OTHER},2025\n"));
    let events = format!(
        "{{\"events\": [\n  {{\"logStreamName\": \"eni-web-all\", \"timestamp\": 1, \"message\": \"{LINE}\", \"eventId\": \"3\"}},\n  \
         {{\"message\": \"{OTHER}\"}}\n], \"searchedLogStreams\": []}}\n"
    );
    assert_both(events.clone());
    assert_both(gzip(events.as_bytes()));
}

/// What `aws logs get-query-results` prints of rows.
fn results(rows: &[&[(&str, &str)]], status: &str) -> String {
    let column = |(field, value): &(&str, &str)| format!("{{\"field\": \"{field}\", \"value\": \"{value}\"}}");
    let row = |row: &&[(&str, &str)]| format!("[{}]", row.iter().map(column).collect::<Vec<_>>().join(", "));
    let rows: Vec<_> = rows.iter().map(row).collect();
    format!(
        "{{\"queryLanguage\": \"CWLI\", \"results\": [{}], \"statistics\": {{\"recordsMatched\": 2.0}}, \"status\": \"{status}\"}}\n",
        rows.join(",\n")
    )
}

/// A line as Logs Insights discovers its fields.
fn discovered(line: &'static str) -> Vec<(&'static str, &'static str)> {
    const NAMES: [&str; 14] = [
        "version",
        "accountId",
        "interfaceId",
        "srcAddr",
        "dstAddr",
        "srcPort",
        "dstPort",
        "protocol",
        "packets",
        "bytes",
        "startTime",
        "endTime",
        "action",
        "logStatus",
    ];
    [("@timestamp", "2025-10-09 08:53:20.000")].into_iter().chain(NAMES.into_iter().zip(line.split(' '))).collect()
}

#[test]
fn results_of_logs_insights() {
    let message = |line| vec![("@message", line), ("@ptr", "CmEK"), ("srcAddr", "192.0.2.1")];
    assert_both(results(&[&message(LINE), &message(OTHER)], "Complete"));
    let (first, second) = (discovered(LINE), discovered(OTHER));
    assert_both(results(&[&first, &second], "Complete"));
    // Pages, one after the other; a list of rows alone.
    assert_both(results(&[&first], "Complete") + &results(&[&second], "Complete"));
    assert_both(
        results(&[&first, &message(OTHER)], "Complete")
            .split_once("\"results\": ")
            .unwrap()
            .1
            .split_once(", \"stat")
            .unwrap()
            .0,
    );
    // Tables, as the console saves them.
    let header = first.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(",");
    let row = |row: &[(&str, &str)]| row.iter().map(|(_, value)| format!("\"{value}\"")).collect::<Vec<_>>().join(",");
    assert_both(format!("{header}\n{}\n{}\n", row(&first), row(&second)));
    assert_both(format!("@timestamp,@message\n2025-10-09 08:53:20.000,{LINE}\n2025-10-09 08:53:20.000,{OTHER}\n"));
}

#[test]
fn results_as_consoles_save_them() {
    let object = |row: &[(&str, &str)]| {
        let members: Vec<_> = row.iter().map(|(name, value)| format!("\"{name}\": \"{value}\"")).collect();
        format!("{{{}}}", members.join(", "))
    };
    let (first, second) = (discovered(LINE), discovered(OTHER));
    assert_both(format!("[{},\n {}]", object(&first), object(&second)));
    let message = |line| vec![("srcAddr", "192.0.2.1"), ("@message", line), ("dstAddr", "192.0.2.2")];
    assert_both(format!("[{}, {}]", object(&message(LINE)), object(&message(OTHER))));
    // Numbers need no quotes.
    let numbers = r#"[{"dstPort": 443, "srcAddr": "10.0.0.1", "tags": ["a"], "packets": 7}]"#;
    let refused = read(numbers.to_owned(), Options::default()).next().unwrap();
    assert!(refused.is_ok_and(|entry| (entry.record.dstport, entry.record.packets) == (Some(443), Some(7))));
    let refused = |text: &str| read(text.to_owned(), Options::default()).find_map(Result::err).unwrap().to_string();
    let sums = refused(r#"[{"srcAddr": "10.0.0.1", "sum(bytes)": "7"}]"#);
    assert!(sums.starts_with("a.log: event 1: \"sum(bytes)\" is no field of a record"), "{sums}");
    let none = refused(r#"[{"logStreamName": "eni-1-all", "timestamp": 7}]"#);
    assert_eq!(none, "a.log: event 1, column 1: there is no message in it");
}

#[test]
fn rows_of_queries_have_the_fields_that_they_have() {
    let all = results(
        &[
            &[("pktSrcAddr", "10.0.0.1"), ("flowDirection", "egress")],
            &[("tcpFlags", "19"), ("end", "7"), ("vpcId", "")],
        ],
        "Complete",
    );
    let records: Vec<_> = read(all, Options::default()).map(|entry| entry.unwrap().record).collect();
    assert_eq!(records.len(), 2);
    assert_eq!(records[0].pkt_srcaddr, Some([10, 0, 0, 1].into()));
    assert_eq!((records[1].tcp_flags, records[1].end, &records[1].vpc_id), (Some(19), Some(7), &None));
    // A window without data is one in a row, too.
    let silent = results(&[&[("interfaceId", "eni-1"), ("srcAddr", "-"), ("logStatus", "NODATA")]], "Complete");
    let mut reader = read(silent, Options::default());
    assert_eq!((reader.by_ref().count(), reader.report().skipped(FlawKind::NoData)), (0, 1));
}

#[test]
fn queries_that_give_no_records_say_so() {
    let refused = |text: String| read(text, Options::default()).find_map(Result::err).unwrap().to_string();
    let hint = "; let the query give @message, or fields as they are discovered (srcAddr, dstPort, action)";
    let sums = "\"sum(bytes)\" is no field of a record, so that the rows are not records";
    assert_eq!(
        refused(results(&[&[("srcAddr", "10.0.0.1"), ("sum(bytes)", "7")]], "Complete")),
        format!("a.log: event 1: {sums}{hint}")
    );
    assert_eq!(refused("srcAddr,sum(bytes)\n10.0.0.1,7\n".to_owned()), format!("a.log: line 2: {sums}{hint}"));
    assert_eq!(
        refused(results(&[&[("@timestamp", "2025"), ("@ptr", "x")]], "Complete")),
        format!("a.log: event 1: the query gives no field of a record{hint}")
    );
    let row = discovered(LINE);
    let bad: Vec<_> =
        row.iter().map(|(name, value)| (*name, if *name == "dstPort" { "http" } else { value })).collect();
    assert_eq!(
        refused(results(&[&row, &bad], "Complete")),
        "a.log: event 2: dstport is \"http\"; expected a number from 0 to 65535, or -"
    );
    assert_eq!(
        refused("srcAddr,action\n10.0.0.1,ACCEPT,OK\n".to_owned()),
        "a.log: line 2: \"OK\" is one column too many; expected 2"
    );
    assert_eq!(
        refused("srcAddr,action\n10.0.0.1\n".to_owned()),
        "a.log: line 2: the row ends before its last column; expected 2 columns"
    );
    assert_eq!(
        refused("{\"results\": [[7]]}".to_owned()),
        "a.log: line 1, column 15: '7' where a column, or ] should be"
    );
    assert_eq!(
        refused(results(&[&row], "Complete").split_once("srcPort").unwrap().0.to_owned()),
        "a.log: cut off or damaged after the beginning: the JSON ends in the middle"
    );
}

#[test]
fn a_query_that_had_not_ended_is_not_all() {
    let row = discovered(LINE);
    for status in ["Running", "Timeout"] {
        let text = results(&[&row], status);
        let (got, error) = lines(&mut read(text.clone(), Options::default()));
        assert_eq!(got, [LINE]);
        let told =
            format!("the status of the query is \"{status}\", not Complete: there may be more records than these");
        assert_eq!(error.unwrap(), format!("a.log: event 1: {told}"));
        let mut reader = read(text, lenient());
        assert_eq!((lines(&mut reader).0.len(), reader.report().skipped(FlawKind::Unfinished)), (1, 1));
    }
    // Events may say what they like of a status.
    let event =
        format!("{{\"status\": \"Running\", \"message\": \"{LINE}\"}}\n{{\"message\": \"{OTHER}\", \"status\": 7}}");
    assert_both(event);
}

#[test]
fn a_custom_format_is_of_the_header_or_given() {
    let format: Format = "${pkt-dstaddr} ${version} ${action}".parse().unwrap();
    let given = Options { format: Some(format.clone()), ..Options::default() };
    for text in [format!("{}\n10.0.0.1 3 ACCEPT\n", format.header()), "10.0.0.1 3 ACCEPT".to_owned()] {
        let entries: Vec<_> = read(text, given.clone()).map(Result::unwrap).collect();
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0].record.pkt_dstaddr, Some([10, 0, 0, 1].into()));
    }
    let error = read("10.0.0.1 3 ACCEPT", Options::default()).next().unwrap().unwrap_err().to_string();
    assert_eq!(
        error,
        "a.log: line 1: \"10.0.0.1 3 ACCEPT\" is neither a header line nor a record of the default format; give the format \
         string of the flow log"
    );
    let error = read(format!("version action\n{LINE}"), given).next().unwrap().unwrap_err().to_string();
    let told =
        "line 1: the fields are \"version action\", and the format that was given for the log is \"pkt-dstaddr version";
    assert!(error.contains(told), "{error}");
}

#[test]
fn a_tag_may_be_called_like_a_field() {
    let format: Format = "${instance-tag} ${action}".parse().unwrap();
    let text = format!("{}\nregion ACCEPT\n", format.header());
    let record = read(text, Options::default()).next().unwrap().unwrap().record;
    assert_eq!(record.instance_tag.as_deref(), Some("region"));
}

#[test]
fn what_is_wrong_with_a_header_is_said() {
    let refused = |text: &str| read(text, lenient()).next().unwrap().unwrap_err().to_string();
    let header = Format::default().header();
    assert_eq!(
        refused(&format!("\n{}\n{LINE}", header.replace("srcaddr", "srcadr"))),
        "a.log: line 2: flow logs have no field srcadr; did you mean srcaddr?"
    );
    assert!(refused(&header.replace("version", "versoin")).contains("did you mean version?"));
    let transit = "a.log: line 1: resource-type is a field of transit gateway flow logs (version 6)";
    assert!(refused("version resource-type account-id tgw-id").starts_with(transit));
    assert!(refused("6 TransitGateway 111122223333 tgw-1").starts_with(transit));
}

#[test]
fn damage_is_an_error_where_it_is() {
    let refused = |line: &str| {
        let text = format!("{}\n{LINE}\n{line}\n{OTHER}\n", Format::default().header());
        let (lines, error) = lines(&mut read(text, Options::default()));
        assert_eq!(lines, [LINE], "what comes before");
        error.unwrap()
    };
    assert_eq!(
        refused(&LINE.replace(" 0 0 ", " 0 http ")),
        "a.log: line 3, column 48: dstport is \"http\"; expected a number from 0 to 65535, or -"
    );
    assert_eq!(
        refused(&LINE.replace("203.0.113.5", "203.0.113.500")),
        "a.log: line 3, column 24: srcaddr is \"203.0.113.500\"; expected an IPv4 or IPv6 address, or -"
    );
    assert_eq!(
        refused(LINE.trim_end_matches(" OK")),
        "a.log: line 3, column 86: the line ends before log-status; expected 14 columns"
    );
    assert_eq!(refused(&format!("{LINE} OK")), "a.log: line 3, column 90: \"OK\" is one column too many; expected 14");
    assert_eq!(
        refused(&LINE.replace("2 1111", "3 1111")),
        "a.log: line 3, column 1: the record is of version 3; expected 2, the highest of its format's fields"
    );
    let error = read(format!("[\"{LINE}\",\n \"2 x\"]"), Options::default()).nth(1).unwrap().unwrap_err();
    assert_eq!(error.to_string(), "a.log: event 2, column 4: the line ends before interface-id; expected 14 columns");
    assert!(matches!(error, Error::Record { place: Place::Event(2), kind: FlawKind::MissingColumns, .. }));
}

#[test]
fn lenient_reading_counts_what_it_passes_over() {
    let swap = |old: &str, new: &str| LINE.replace(old, new);
    let text = [
        LINE,
        LINE.trim_end_matches(" OK"),
        &format!("{LINE} x"),
        &swap(" 252 ", " 2S2 "),
        &swap(" 252 ", " 99999999999999999999 "),
        &swap("10.0.0.10", "10.0.0"),
        &swap("ACCEPT", "ALLOW"),
        &swap("1760000030", "1759999999"),
        &swap("2 1111", "5 1111"),
        "2 111122223333 eni-web - - - - - - - 1760000060 1760000120 - NODATA",
        "2 111122223333 eni-web - - - - - - - 1760000060 1760000120 - SKIPDATA",
        &"x".repeat(1 << 21),
        OTHER,
    ]
    .join("\n");
    let mut reader = read(text, lenient());
    assert_eq!(lines(&mut reader), (vec![LINE.to_owned(), OTHER.to_owned()], None));
    let report = reader.report();
    assert_eq!(report.records(), 2);
    let counts: Vec<_> = report.all_skipped().map(|(kind, count, _)| (kind, count)).collect();
    assert_eq!(
        counts,
        [
            (FlawKind::MissingColumns, 1),
            (FlawKind::ExtraColumns, 1),
            (FlawKind::UnreadableNumber, 2),
            (FlawKind::UnreadableAddress, 1),
            (FlawKind::UnknownWord, 1),
            (FlawKind::TooLong, 1),
            (FlawKind::EndsBeforeStart, 1),
            (FlawKind::MixedVersions, 1),
            (FlawKind::NoData, 1),
            (FlawKind::SkipData, 1),
        ]
    );
    let (_, _, first) = report.all_skipped().nth(2).unwrap();
    assert_eq!(
        first,
        "a.log: line 4, column 54: bytes is \"2S2\"; expected a number from 0 to 9223372036854775807, or -"
    );
    assert!(report.to_string().starts_with("2 records\n1 passed over, missing columns; the first: a.log: line 2, "));
}

#[test]
fn windows_without_data_are_counted_and_given_where_they_are_wanted() {
    let text = format!("{LINE}\n2 111122223333 eni-web - - - - - - - 1760000060 1760000120 - NODATA\n");
    let mut without = read(text.clone(), Options::default());
    assert_eq!((without.by_ref().count(), without.report().skipped(FlawKind::NoData)), (1, 1));
    let mut with = read(text, Options { silent_windows: true, ..Options::default() });
    assert_eq!((with.by_ref().count(), with.report().skipped(FlawKind::NoData)), (2, 1));
}

#[test]
fn a_truncated_file_gives_what_is_before_and_then_an_error() {
    let text: String =
        (0..5000_u32).map(|n| LINE.replace(" 252 ", &format!(" {} ", n.wrapping_mul(2_654_435_761))) + "\n").collect();
    let whole = gzip(text.as_bytes());
    let (got, error) = lines(&mut read(&whole[..whole.len() / 2], Options::default()));
    assert!((1000..4000).contains(&got.len()), "{}", got.len());
    let expected: Vec<_> = text.lines().take(got.len()).collect();
    assert_eq!(got, expected);
    let error = error.unwrap();
    assert!(error.starts_with(&format!("a.log: cut off or damaged after line {}: ", got.len())), "{error}");
    // Its last member is whole, and what follows is no gzip.
    let (got, error) = lines(&mut read([whole.as_slice(), b"garbage"].concat(), Options::default()));
    assert_eq!(got.len(), 5000);
    assert!(error.unwrap().starts_with("a.log: cut off or damaged after line 5000: "));
    let (got, error) = lines(&mut read(&whole[..7], Options::default()));
    assert_eq!(got.len(), 0);
    assert!(error.unwrap().starts_with("a.log: cut off or damaged after the beginning: "));
    let events = format!("{{\"events\":[{{\"message\":\"{LINE}\"}},{{\"mess");
    let (got, error) = lines(&mut read(events, Options::default()));
    assert_eq!(
        (got.len(), error.unwrap().as_str()),
        (1, "a.log: cut off or damaged after event 1: the JSON ends in the middle")
    );
}

#[test]
fn folders_are_walked_in_the_order_of_names() {
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join("AWSLogs/2025/01");
    fs::create_dir_all(&deep).unwrap();
    fs::create_dir(folder.path().join("AWSLogs/2024")).unwrap();
    let header = Format::default().header();
    let numbered = |n: u64| format!("{header}\n{}\n", LINE.replace(" 252 ", &format!(" {n} ")));
    fs::write(deep.join("b.log.gz"), gzip(numbered(3).as_bytes())).unwrap();
    fs::write(deep.join("a.log.gz"), gzip(numbered(2).as_bytes())).unwrap();
    fs::write(folder.path().join("AWSLogs/2024/z.log"), numbered(1)).unwrap();
    for own in [".DS_Store", "_SUCCESS", "aws-logs-write-test"] {
        fs::write(deep.join(own), "no log").unwrap();
    }
    #[cfg(unix)]
    std::os::unix::fs::symlink(folder.path(), deep.join("back")).unwrap();
    let bytes = |options: Options, paths: &[&std::path::Path]| -> Vec<Option<u64>> {
        Reader::open(paths, options).map(|entry| entry.ok().and_then(|entry| entry.record.bytes)).collect()
    };
    assert_eq!(bytes(Options::default(), &[folder.path()]), [Some(1), Some(2), Some(3)]);
    // A damaged file ends reading, or its own reading only.
    fs::write(deep.join("aa.log"), "what is this").unwrap();
    assert_eq!(bytes(Options::default(), &[folder.path()]), [Some(1), Some(2), None]);
    assert_eq!(bytes(lenient(), &[folder.path()]), [Some(1), Some(2), None, Some(3)]);
    let missing = folder.path().join("missing");
    assert_eq!(bytes(lenient(), &[&missing, &deep.join("b.log.gz")]), [None, Some(3)]);
    let empty = tempfile::tempdir().unwrap();
    let error = Reader::open([empty.path()], lenient()).next().unwrap().unwrap_err().to_string();
    assert!(error.ends_with(": there is no flow log in the folder"), "{error}");
}

/// A source of bytes without end.
struct Endless(&'static [u8], usize);

impl Read for Endless {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        for byte in out.iter_mut() {
            *byte = self.0[self.1 % self.0.len()];
            self.1 += 1;
        }
        Ok(out.len())
    }
}

#[test]
fn streams_are_read_as_they_come() {
    let endless =
        Endless(b"2 111122223333 eni-web 203.0.113.5 10.0.0.10 0 0 1 3 252 1760000000 1760000030 ACCEPT OK\n", 0);
    let reader = Reader::from_read("stream", endless, Options::default());
    let last = reader.take(10_000).map(Result::unwrap).last().unwrap();
    assert_eq!(last.place, Place::Line(10_000));
}

#[cfg(not(feature = "parquet"))]
#[test]
fn parquet_needs_its_feature() {
    let error = read("PAR1", Options::default()).next().unwrap().unwrap_err().to_string();
    assert_eq!(error, "a.log: cannot be read as Parquet: this program was built without the feature `parquet`");
}
