//! What a format has is known of every entry, whatever it was read from.

#![allow(clippy::unwrap_used, reason = "a test fails where it is surprised")]

use vpcemu_flowlog::{Entry, Field, Options, Reader};

/// Of a format without `resource-id`.
const LINE: &str = "- 10.0.2.5 ACCEPT";

fn options() -> Options {
    Options { format: Some("${interface-id} ${srcaddr} ${action}".parse().unwrap()), ..Options::default() }
}

fn of(log: String, options: Options) -> Entry {
    Reader::from_bytes("vpc.log", log.into_bytes(), options).next().unwrap().unwrap()
}

fn has(entry: &Entry) -> Vec<Field> {
    assert_eq!(entry.record.interface_id, None);
    Field::ALL.into_iter().filter(|field| entry.fields.has(*field)).collect()
}

#[test]
fn of_text_json_and_tables() {
    let expected = [Field::InterfaceId, Field::SrcAddr, Field::Action];
    let header = of(format!("interface-id srcaddr action\n{LINE}\n"), Options::default());
    assert_eq!(has(&header), expected);
    for log in [
        format!("{LINE}\n"),
        format!("{{\"events\":[{{\"message\":\"{LINE}\"}}]}}"),
        format!("timestamp,message\n1,{LINE}\n"),
    ] {
        assert_eq!(has(&of(log.clone(), options())), expected, "{log}");
    }
    let other = of("srcaddr action\n10.0.2.5 ACCEPT\n".to_owned(), Options::default());
    assert_eq!(has(&other), [Field::SrcAddr, Field::Action]);
}

#[cfg(feature = "parquet")]
#[test]
fn of_parquet() {
    use vpcemu_flowlog::{Action, Layout, Record, Writer};

    let folder = tempfile::tempdir().unwrap();
    let layout = Layout {
        account: "111122223333".into(),
        region: "us-east-1".into(),
        flow_log: "fl-1".into(),
        hive_compatible: false,
        per_hour: false,
        file_format: vpcemu_model::LogFileFormat::Parquet,
    };
    let record = Record {
        srcaddr: Some([10, 0, 2, 5].into()),
        action: Some(Action::Accept),
        start: Some(1_760_000_000),
        end: Some(1_760_000_000),
        ..Record::default()
    };
    let mut writer = Writer::new(folder.path(), options().format.unwrap(), layout).unwrap();
    writer.push(&record).unwrap();
    writer.finish().unwrap();
    let entry = Reader::open([folder.path()], Options::default()).next().unwrap().unwrap();
    assert_eq!(has(&entry), [Field::InterfaceId, Field::SrcAddr, Field::Action]);
}
