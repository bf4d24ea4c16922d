//! Takes Swagger UI out of the archive it is published in: the two files that the page of `/docs`
//! needs, compressed as they are there, which is how they are sent.

use std::{env, error::Error, fs, path::Path};

use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED as ARCHIVE;

/// What begins the records of a ZIP archive: its end, an entry of its directory.
const END: &[u8] = b"PK\x05\x06";
const ENTRY: &[u8] = b"PK\x01\x02";

/// How an entry is compressed that can be sent as gzip.
const DEFLATE: usize = 8;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    let out_dir = env::var("OUT_DIR")?;
    for name in ["swagger-ui-bundle.js", "swagger-ui.css"] {
        let gzip = as_gzip(&format!("/dist/{name}"))
            .ok_or_else(|| format!("the archive of Swagger UI has no {name} as it is expected"))?;
        fs::write(Path::new(&out_dir).join(format!("{name}.gz")), gzip)?;
    }
    Ok(())
}

/// The file whose path ends so, as gzip has it: the same compressed bytes with another head, and the
/// checksum and the length at the end.
fn as_gzip(path: &str) -> Option<Vec<u8>> {
    let end = ARCHIVE.windows(END.len()).rposition(|it| it == END)?;
    let mut at = number(end + 16, 4)?;
    while ARCHIVE.get(at..at + 4)? == ENTRY {
        let name = ARCHIVE.get(at + 46..at + 46 + number(at + 28, 2)?)?;
        if name.ends_with(path.as_bytes()) && number(at + 10, 2)? == DEFLATE {
            let local = number(at + 42, 4)?;
            let start = local + 30 + number(local + 26, 2)? + number(local + 28, 2)?;
            let compressed = ARCHIVE.get(start..start + number(at + 20, 4)?)?;
            let head = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 255];
            let (checksum, length) =
                (ARCHIVE.get(at + 16..at + 20)?, ARCHIVE.get(at + 24..at + 28)?);
            return Some([&head, compressed, checksum, length].concat());
        }
        at += 46 + number(at + 28, 2)? + number(at + 30, 2)? + number(at + 32, 2)?;
    }
    None
}

/// A number in so many bytes, the lowest first.
fn number(at: usize, bytes: usize) -> Option<usize> {
    let bytes = ARCHIVE.get(at..at + bytes)?;
    Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte)))
}
