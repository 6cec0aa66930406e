use std::sync::Arc;

use serde_json::json;

use super::*;

const COLUMNS: [&str; 6] = ["--source", "s", "--type", "t", "--id-from", "id"];

fn with<'a>(file: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut words = vec![file];
    words.extend(COLUMNS);
    words.extend(more);
    words
}

#[test]
fn geojson_features_become_events() {
    let folder = tempfile::tempdir().expect("make a folder");
    let text = r#"{"type":"FeatureCollection","metadata":{"count":2},"features":[
        {"type":"Feature","properties":{"mag":2.0,"net":"ci","time":1517966773840},"geometry":{"type":"Point","coordinates":[-118.6671667,34.4945]},"id":"ci1"},
        {"type":"Feature","properties":{"mag":1,"net":"us","time":null},"geometry":null,"id":"us2"}]}"#;
    let file = write(folder.path(), "quakes.json", text);
    let events = map(&[
        &file,
        "--source",
        "usgs/{properties.net}",
        "--type",
        "quake",
        "--id-from",
        "id",
        "--time-from",
        "properties.time",
        "--time-format",
        "unix-ms",
        "--data-from",
        "properties",
    ]);
    assert_eq!(
        events,
        [
            Ok(
                json!({"specversion":"1.0","id":"ci1","source":"usgs/ci","type":"quake",
                "time":"2018-02-07T01:26:13.84Z","data":{"mag":2.0,"net":"ci","time":1_517_966_773_840_i64}})
            ),
            Err("unreadable-time".to_owned()),
        ]
    );
}

#[test]
fn numbers_and_order_of_json_data_are_left_as_they_are() {
    let folder = tempfile::tempdir().expect("make a folder");
    let line = r#"{"id":"1","z":1.10,"a":123456789012345678901234567890,"m":{"y":1e400,"x":[]}}"#;
    let file = write(folder.path(), "a.ndjson", line);
    let args = args(&with(&file, &[]));
    let mapping = Mapping::new(&args.mapping).expect("a mapping");
    let input = Input::find(Path::new(&file)).expect("a file");
    let mut reader = input.open(&args, mapping.wanted()).expect("a format");
    let mut row = mapping.row();
    assert!(reader.next(&mut row).expect("a row"));
    let mut out = Vec::new();
    mapping.write(&row, "a", &mut out).expect("an event");
    let text = String::from_utf8(out).expect("text");
    assert!(text.ends_with(&format!("\"data\":{line}}}")), "{text}");
}

#[test]
fn a_broken_line_does_not_hurt_its_neighbours() {
    let folder = tempfile::tempdir().expect("make a folder");
    let text = "{\"id\":\"1\"}\r\n\n{\"id\":\nnot json\n[1]\n{\"id\":{\"a\":1}}\n{\"id\":5}";
    let file = write(folder.path(), "a.ndjson", text);
    let events = map(&with(&file, &[]));
    let got: Vec<_> = events
        .iter()
        .map(|event| {
            event
                .as_ref()
                .map(|event| event["id"].clone())
                .map_err(String::as_str)
        })
        .collect();
    assert_eq!(
        got,
        [
            Ok(json!("1")),
            Err("malformed-json"),
            Err("malformed-json"),
            Err("malformed-json"),
            Err("missing-id"),
            Ok(json!("5")),
        ]
    );
}

#[test]
fn rows_without_an_id_are_named_by_file_and_row() {
    let folder = tempfile::tempdir().expect("make a folder");
    let file = write(folder.path(), "a \"b\".csv", "x\n1\n2\n");
    let words = [file.as_str(), "--source", "s", "--type", "t"];
    let ids: Vec<_> = map(&words)
        .into_iter()
        .map(|event| event.expect("an event")["id"].clone())
        .collect();
    assert_eq!(ids, [json!("a \"b\".csv#1"), json!("a \"b\".csv#2")]);
}

#[test]
fn csv_cells_are_text_unless_asked_otherwise() {
    let folder = tempfile::tempdir().expect("make a folder");
    let text = "\u{feff}id,zip,ok,note,day,clock\n1,01234,true,\"a, \"\"b\"\"\nc\",21.11.2026,08:15\n2,5,false,,21.11.2026,09:00\n3,too,few\n";
    let file = write(folder.path(), "a.csv", text);
    let plain = map(&with(&file, &["--drop", "clock"]));
    assert_eq!(
        plain[0].as_ref().expect("an event")["data"],
        json!({"id":"1","zip":"01234","ok":"true","note":"a, \"b\"\nc","day":"21.11.2026"})
    );
    assert_eq!(plain[2], Err("malformed-csv".to_owned()));
    let inferred = map(&with(
        &file,
        &[
            "--infer",
            "--time-from",
            "day",
            "--time-from",
            "clock",
            "--time-format",
            "%d.%m.%Y %H:%M",
            "--time-zone",
            "Europe/Zurich",
        ],
    ));
    let event = inferred[1].as_ref().expect("an event");
    assert_eq!(event["time"], "2026-11-21T08:00:00Z");
    assert_eq!(
        event["data"],
        json!({"id":2,"zip":5,"ok":false,"note":null,"day":"21.11.2026","clock":"09:00"})
    );
    assert_eq!(
        inferred[0].as_ref().expect("an event")["data"]["zip"],
        "01234"
    );
}

#[test]
fn tabs_no_header_and_joined_ids() {
    let folder = tempfile::tempdir().expect("make a folder");
    let file = write(folder.path(), "a.tsv", "x\ty\nz\tw\n");
    let events = map(&[
        &file,
        "--no-header",
        "--source-from",
        "c1",
        "--type",
        "t",
        "--id-from",
        "c1",
        "--id-from",
        "c2",
        "--subject",
        "{c2}!",
        "--data-from",
        "c2",
    ]);
    assert_eq!(
        events[1],
        Ok(
            json!({"specversion":"1.0","id":"z|w","source":"z","type":"t","subject":"w!","data":"w"})
        )
    );
}

#[test]
fn compressed_inputs_are_read_by_what_they_are() {
    let folder = tempfile::tempdir().expect("make a folder");
    let text = b"{\"id\":\"1\"}\n{\"id\":\"2\"}\n";
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(text).expect("gzip");
    let gzip = gzip.finish().expect("gzip");
    // Two members one after the other, as `cat a.gz b.gz` makes them.
    let twice = [gzip.clone(), gzip].concat();
    let gzip = write(folder.path(), "a.ndjson.gz", twice);
    let zstd = zstd::encode_all(&text[..], 3).expect("zstd");
    let zstd = write(folder.path(), "a.jsonl.zst", zstd);
    assert_eq!(map(&with(&gzip, &[])).len(), 4);
    assert_eq!(map(&with(&zstd, &[])).len(), 2);
}

#[test]
fn an_export_goes_in_as_it_is_without_what_flumen_added() {
    let folder = tempfile::tempdir().expect("make a folder");
    let text = r#"{"specversion":"1.0","uid":"0190","id":"1","source":"s","type":"t","time":"2026-01-01T00:00:00Z","myext":"x","recordedtime":"2026-01-01T00:00:01Z","kafkapartition":0,"kafkaoffset":7,"data":{"uid":"kept"}}
{"id":"no specversion"}"#;
    let file = write(folder.path(), "export.ndjson", text);
    assert_eq!(
        map(&[&file]),
        [
            Ok(
                json!({"specversion":"1.0","id":"1","source":"s","type":"t","time":"2026-01-01T00:00:00Z","myext":"x","data":{"uid":"kept"}})
            ),
            Err("not-a-cloudevent".to_owned()),
        ]
    );
}

#[test]
fn members_are_dropped_at_any_depth() {
    let folder = tempfile::tempdir().expect("make a folder");
    let file = write(
        folder.path(),
        "a.json",
        r#"[{"id":"1","a":{"b":1,"c":2},"d":3,"a.x":4}]"#,
    );
    let events = map(&with(&file, &["--drop", "a.b", "--drop", "d"]));
    assert_eq!(
        events[0].as_ref().expect("an event")["data"],
        json!({"id":"1","a":{"c":2},"a.x":4})
    );
}

#[test]
fn a_column_that_is_not_there_is_told_with_those_that_are() {
    let folder = tempfile::tempdir().expect("make a folder");
    let file = write(folder.path(), "a.csv", "x,y\n1,2\n");
    let args = args(&with(&file, &[]));
    let mapping = Mapping::new(&args.mapping).expect("a mapping");
    let input = Input::find(Path::new(&file)).expect("a file");
    let error = input
        .open(&args, mapping.wanted())
        .map(|_| ())
        .expect_err("no column id");
    assert_eq!(
        error.to_string(),
        "there is no column `id`; the file has: x, y"
    );
    assert_eq!(status(&Err(error)), 2);
}

#[test]
fn a_mapping_without_a_type_says_what_to_add() {
    let args = args(&["a.csv", "--source", "s"]);
    let error = Mapping::new(&args.mapping).expect_err("no type");
    assert!(error.to_string().contains("--type-from COLUMN"), "{error}");
}

/// A parquet file with the kinds of columns that need care.
fn parquet(folder: &Path, rows: i64) -> String {
    use ::parquet::{
        data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type},
        file::{properties::WriterProperties, writer::SerializedFileWriter},
        schema::parser::parse_message_type,
    };
    let schema = "message m {
        REQUIRED INT64 at (TIMESTAMP(MICROS,false));
        REQUIRED INT64 nanos (TIMESTAMP(NANOS,true));
        OPTIONAL BYTE_ARRAY name (STRING);
        REQUIRED DOUBLE x;
    }";
    let schema = Arc::new(parse_message_type(schema).expect("a schema"));
    let path = folder.join("a.parquet");
    let file = std::fs::File::create(&path).expect("make a file");
    let mut writer = SerializedFileWriter::new(file, schema, Arc::new(WriterProperties::default()))
        .expect("a writer");
    for group in 0..2 {
        let mut columns = writer.next_row_group().expect("a row group");
        let numbers: Vec<i64> = (group * rows..(group + 1) * rows).collect();
        let mut put = |values: Vec<i64>| {
            let mut column = columns.next_column().expect("next").expect("a column");
            column
                .typed::<Int64Type>()
                .write_batch(&values, None, None)
                .expect("write");
            column.close().expect("close");
        };
        put(numbers.iter().map(|n| n * 1_000_000).collect());
        put(numbers.iter().map(|n| n * 1_000_000_000 + 1_999).collect());
        let mut column = columns.next_column().expect("next").expect("a column");
        // Every third row has no name.
        let levels: Vec<i16> = numbers.iter().map(|n| i16::from(n % 3 != 0)).collect();
        let names: Vec<ByteArray> = numbers
            .iter()
            .filter(|n| *n % 3 != 0)
            .map(|n| format!("n{n}").as_str().into())
            .collect();
        column
            .typed::<ByteArrayType>()
            .write_batch(&names, Some(&levels), None)
            .expect("write");
        column.close().expect("close");
        let mut column = columns.next_column().expect("next").expect("a column");
        let values: Vec<f64> = numbers
            .iter()
            .map(|n| if *n == 1 { f64::NAN } else { 0.5 })
            .collect();
        column
            .typed::<DoubleType>()
            .write_batch(&values, None, None)
            .expect("write");
        column.close().expect("close");
        columns.close().expect("close");
    }
    writer.close().expect("close");
    path.to_string_lossy().into_owned()
}

#[test]
fn parquet_columns_keep_their_meaning() {
    let folder = tempfile::tempdir().expect("make a folder");
    let file = parquet(folder.path(), 3);
    let events = map(&[
        &file,
        "--source",
        "s",
        "--type",
        "t",
        "--time-from",
        "at",
        "--time-zone",
        "America/New_York",
        "--subject-from",
        "name",
    ]);
    assert_eq!(events.len(), 6);
    assert_eq!(
        events[1],
        Ok(
            json!({"specversion":"1.0","id":"a.parquet#2","source":"s","type":"t",
            "time":"1970-01-01T05:00:01Z","subject":"n1",
            "data":{"at":"1970-01-01T00:00:01","nanos":"1970-01-01T00:00:01.000001Z","name":"n1","x":null}})
        )
    );
    let third = events[3].as_ref().expect("an event");
    assert!(third.get("subject").is_none() && third["data"]["name"].is_null());
    let narrow = map(&[
        &file,
        "--source",
        "s",
        "--type",
        "t",
        "--time-from",
        "nanos",
        "--data-from",
        "x",
    ]);
    assert_eq!(narrow[0].as_ref().expect("an event")["data"], json!(0.5));
    assert_eq!(
        narrow[5].as_ref().expect("an event")["time"],
        "1970-01-01T00:00:05.000001Z"
    );
}

#[test]
fn skipping_is_reading_and_throwing_away() {
    let folder = tempfile::tempdir().expect("make a folder");
    let parquet = parquet(folder.path(), 4);
    let lines: String = (0..8)
        .map(|n| {
            if n == 2 {
                "broken\n".to_owned()
            } else {
                format!("{{\"id\":\"{n}\"}}\n")
            }
        })
        .collect();
    let ndjson = write(folder.path(), "a.ndjson", lines);
    let csv = write(folder.path(), "a.csv", "id\n0\n1,1\n2\n3\n4\n5\n6\n7\n");
    for file in [&parquet, &ndjson, &csv] {
        let args = args(&[file, "--source", "s", "--type", "t"]);
        let mapping = Mapping::new(&args.mapping).expect("a mapping");
        let input = Input::find(Path::new(file)).expect("a file");
        for skip in 0..=8 {
            let mut reader = input.open(&args, mapping.wanted()).expect("a format");
            reader.skip(skip).expect("skip");
            let mut row = mapping.row();
            let mut left = 0;
            loop {
                match reader.next(&mut row) {
                    Ok(false) => break,
                    Ok(true) | Err(ReadError::Row { .. }) => {
                        left += 1;
                        assert_eq!(row.number, skip + left, "{file} after {skip}");
                    }
                    Err(ReadError::File(error)) => panic!("{error:#}"),
                }
            }
            assert_eq!(left, 8 - skip, "{file} after {skip}");
        }
    }
}
