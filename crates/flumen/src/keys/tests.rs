use std::fs;

use super::*;

fn entry(name: &str) -> (String, String) {
    let key = service::keys::create(
        name,
        &[Scope::Ingest],
        &[source("shop-*").expect("a pattern")],
        None,
    )
    .expect("randomness");
    (key.id, key.entry)
}

#[test]
fn a_key_is_added_listed_and_revoked_and_comments_stay() {
    let folder = tempfile::tempdir().expect("make a folder");
    let path = folder.path().join("keys.toml");
    fs::write(&path, "# who may do what\n\n").expect("write the file");
    let (first, first_entry) = entry("first");
    let (second, second_entry) = entry("second");
    let file = || KeysFile::open(&path).expect("open the file");
    file().add(&first_entry).expect("add the first");
    file().add(&second_entry).expect("add the second");
    assert_eq!(file().keys().expect("read").len(), 2);

    assert!(file().disable(&first).expect("disable"));
    assert!(!file().disable("nobody").expect("look for it"));
    let keys = file().keys().expect("read");
    assert!(keys[0].disabled && !keys[1].disabled);
    assert_eq!((state(&keys[0]), state(&keys[1])), ("revoked", "valid"));

    assert!(file().remove(&second).expect("remove"));
    let text = fs::read_to_string(&path).expect("read the text");
    assert!(text.starts_with("# who may do what\n"));
    assert!(text.contains("disabled = true") && !text.contains(&second));
}

#[test]
fn the_list_shows_no_hash() {
    let folder = tempfile::tempdir().expect("make a folder");
    let path = folder.path().join("keys.toml");
    let (id, entry) = entry("a name");
    KeysFile::open(&path)
        .and_then(|file| file.add(&entry))
        .expect("make the file");
    let keys = KeysFile::open(&path)
        .and_then(|file| file.keys())
        .expect("read");
    let shown = format!("{}{}", table(&keys), row_json(&keys[0]));
    assert!(shown.contains(&id) && shown.contains("a name") && shown.contains("shop-*"));
    let hash = entry
        .lines()
        .find(|line| line.starts_with("sha256"))
        .expect("a hash");
    let hash = hash.trim_start_matches("sha256 = ").trim_matches('"');
    assert!(!shown.contains(hash));
}

#[test]
fn a_file_the_apis_would_refuse_is_not_written() {
    let folder = tempfile::tempdir().expect("make a folder");
    let path = folder.path().join("keys.toml");
    let before = "[[keys]]\nid = \"x\"\n";
    fs::write(&path, before).expect("write the file");
    let (_, entry) = entry("new");
    KeysFile::open(&path)
        .and_then(|file| file.add(&entry))
        .expect_err("the other entry is broken");
    assert_eq!(fs::read_to_string(&path).expect("read the text"), before);
}

#[cfg(unix)]
#[test]
fn who_may_read_the_file_does_not_change() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().expect("make a folder");
    let path = folder.path().join("keys.toml");
    let mode = || fs::metadata(&path).expect("look").permissions().mode() & 0o777;
    let add = || {
        KeysFile::open(&path)
            .and_then(|file| file.add(&entry("one").1))
            .expect("add");
    };
    add();
    assert_eq!(mode(), 0o600, "a new file is for its owner");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("chmod");
    add();
    assert_eq!(mode(), 0o640);
}

#[test]
fn editors_take_turns() {
    let folder = tempfile::tempdir().expect("make a folder");
    let path = folder.path().join("keys.toml");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..5 {
                    KeysFile::open(&path)
                        .and_then(|file| file.add(&entry("one of many").1))
                        .expect("add");
                }
            });
        }
    });
    let keys = KeysFile::open(&path)
        .and_then(|file| file.keys())
        .expect("read");
    assert_eq!(keys.len(), 20);
}
