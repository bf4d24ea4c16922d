//! The picture of a product: a file that a shop has given, and what it is by its content.
//!
//! What kind of picture it is, and how large, is read from its header, which is what a browser goes by,
//! too. Its pixels are nobody's business here. What is no PNG, JPEG or WebP is refused, whatever it is
//! called; SVG with it, which is a program.

use std::{fmt, ops::RangeInclusive, str::FromStr, sync::Arc};

use sha2::{Digest, Sha256};

/// The picture of a product.
#[derive(Clone, PartialEq, Eq)]
pub struct Image {
    kind: ImageKind,
    digest: ImageDigest,
    bytes: Arc<[u8]>,
}

/// What kind of picture it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is named after its format")]
pub enum ImageKind {
    Png,
    Jpeg,
    Webp,
}

/// What a picture is known by: the SHA-256 of its content. The same content is the same picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ImageDigest(pub [u8; 32]);

/// Which picture one is, and of which kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ImageRef {
    /// What it is known by.
    pub digest: ImageDigest,
    /// Its kind.
    pub kind: ImageKind,
}

/// Why a file can be no picture of a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// The file has this many bytes.
    #[error("must have at most {max} bytes, not {0}", max = Image::BYTES_MAX)]
    Length(usize),
    /// It is something else.
    #[error("must be a PNG, JPEG or WebP picture by its content")]
    Kind,
    /// Its header is not whole.
    #[error("is a broken {0}: its header does not say how large it is")]
    Header(ImageKind),
    /// It is so wide and so high.
    #[error(
        "must be {min} to {max} pixels wide and high, not {0} x {1}",
        min = Image::PIXELS.start(), max = Image::PIXELS.end()
    )]
    Pixels(u32, u32),
}

impl Image {
    /// The most bytes.
    pub const BYTES_MAX: usize = 512 * 1_024;

    /// How wide and how high it may be: what a browser makes of it takes four bytes a pixel.
    pub const PIXELS: RangeInclusive<u32> = 1..=8_192;

    /// Looks at a file.
    pub fn new(bytes: impl Into<Arc<[u8]>>) -> Result<Self, ImageError> {
        let bytes = bytes.into();
        if bytes.len() > Self::BYTES_MAX {
            return Err(ImageError::Length(bytes.len()));
        }
        let kind = ImageKind::of(&bytes).ok_or(ImageError::Kind)?;
        let (width, height) = kind.size(&bytes).ok_or(ImageError::Header(kind))?;
        if !Self::PIXELS.contains(&width) || !Self::PIXELS.contains(&height) {
            return Err(ImageError::Pixels(width, height));
        }
        let digest = ImageDigest(Sha256::digest(&bytes).into());
        Ok(Self { kind, digest, bytes })
    }

    /// What kind of picture it is.
    #[must_use]
    pub const fn kind(&self) -> ImageKind {
        self.kind
    }

    /// What it is known by.
    #[must_use]
    pub const fn digest(&self) -> ImageDigest {
        self.digest
    }

    /// The file.
    #[must_use]
    pub const fn bytes(&self) -> &Arc<[u8]> {
        &self.bytes
    }
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Image({} {}, {} bytes)", self.kind, self.digest, self.bytes.len())
    }
}

impl ImageKind {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::Png, Self::Jpeg, Self::Webp];

    /// What it is called: by the ledgers, and as the end of the name of a file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpeg",
            Self::Webp => "webp",
        }
    }

    /// The kind of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    fn of(bytes: &[u8]) -> Option<Self> {
        const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
        if bytes.starts_with(PNG) {
            Some(Self::Png)
        } else if bytes.starts_with(b"\xff\xd8\xff") {
            Some(Self::Jpeg)
        } else if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
            Some(Self::Webp)
        } else {
            None
        }
    }

    /// How wide and how high a picture is, by its header.
    fn size(self, bytes: &[u8]) -> Option<(u32, u32)> {
        match self {
            Self::Png => {
                let is_header = bytes.get(8..16)? == b"\0\0\0\x0dIHDR";
                let size = || Some((big(bytes.get(16..20)?), big(bytes.get(20..24)?)));
                if is_header { size() } else { None }
            }
            Self::Jpeg => jpeg_size(bytes),
            Self::Webp => webp_size(bytes),
        }
    }
}

impl fmt::Display for ImageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Png => "PNG",
            Self::Jpeg => "JPEG",
            Self::Webp => "WebP",
        })
    }
}

/// The segments of a JPEG, one after the other, up to that of the frame.
fn jpeg_size(bytes: &[u8]) -> Option<(u32, u32)> {
    let mut rest = bytes.get(2..)?;
    loop {
        // Any number of fill bytes may be before a marker.
        while rest.get(..2)? == b"\xff\xff" {
            rest = rest.get(1..)?;
        }
        let (&0xff, &marker) = (rest.first()?, rest.get(1)?) else { return None };
        let segment = rest.get(2..)?;
        let length = usize::try_from(big(segment.get(..2)?)).ok().filter(|&length| length >= 2)?;
        match marker {
            // Tables and conditions of coding are among the numbers of frames.
            0xc0..=0xcf if ![0xc4, 0xc8, 0xcc].contains(&marker) => {
                return Some((big(segment.get(5..7)?), big(segment.get(3..5)?)));
            }
            // Pixels, or the end, before any frame.
            0x00..=0x01 | 0xd0..=0xda => return None,
            _ => rest = segment.get(length..)?,
        }
    }
}

fn webp_size(bytes: &[u8]) -> Option<(u32, u32)> {
    let data = bytes.get(20..)?;
    match bytes.get(12..16)? {
        b"VP8 " => {
            let is_key_frame = data.first()? & 1 == 0 && data.get(3..6)? == b"\x9d\x01\x2a";
            // Two bits of either say how to scale it.
            let size =
                || Some((little(data.get(6..8)?) & 0x3fff, little(data.get(8..10)?) & 0x3fff));
            if is_key_frame { size() } else { None }
        }
        b"VP8L" => {
            let bits = little(data.get(1..5)?);
            (*data.first()? == 0x2f).then_some(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1))
        }
        b"VP8X" => Some((little(data.get(4..7)?) + 1, little(data.get(7..10)?) + 1)),
        _ => None,
    }
}

fn big(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |number, &byte| number << 8 | u32::from(byte))
}

fn little(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |number, &byte| number << 8 | u32::from(byte))
}

/// Why a text is no [`ImageDigest`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 64 hexadecimal digits in lower case")]
pub struct ParseDigestError;

impl FromStr for ImageDigest {
    type Err = ParseDigestError;

    /// Reads the one spelling `Display` writes.
    fn from_str(text: &str) -> Result<Self, ParseDigestError> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() != 64 || !text.bytes().all(is_digit) {
            return Err(ParseDigestError);
        }
        let mut digest = [0; 32];
        for (byte, digits) in digest.iter_mut().zip(text.as_bytes().chunks(2)) {
            let digits = std::str::from_utf8(digits).map_err(|_| ParseDigestError)?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| ParseDigestError)?;
        }
        Ok(Self(digest))
    }
}

impl fmt::Display for ImageDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files that are as far a picture as a header goes.
    fn png(width: u32, height: u32) -> Vec<u8> {
        let header = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR";
        [&header[..], &width.to_be_bytes(), &height.to_be_bytes(), &[8, 6, 0, 0, 0]].concat()
    }

    fn jpeg(width: u16, height: u16) -> Vec<u8> {
        let before = b"\xff\xd8\xff\xe0\0\x04JF\xff\xc4\0\x03x\xff\xff\xff\xc2\0\x0b\x08";
        [&before[..], &height.to_be_bytes(), &width.to_be_bytes(), &[1, 1, 0x11, 0]].concat()
    }

    fn webp(chunk: &[u8; 4], data: &[u8]) -> Vec<u8> {
        [&b"RIFF\x1a\0\0\0WEBP"[..], chunk, b"\x0e\0\0\0", data].concat()
    }

    fn lossy(width: u16, height: u16) -> Vec<u8> {
        // The upper two bits of either are its scale.
        let [width, height] = [width | 0x4000, height | 0x8000].map(u16::to_le_bytes);
        webp(b"VP8 ", &[&b"\x30\x01\0\x9d\x01\x2a"[..], &width, &height].concat())
    }

    fn lossless(width: u32, height: u32) -> Vec<u8> {
        let bits = (width - 1) | (height - 1) << 14;
        webp(b"VP8L", &[&[0x2f][..], &bits.to_le_bytes()].concat())
    }

    fn extended(width: u32, height: u32) -> Vec<u8> {
        let [width, height] = [width, height].map(|size| (size - 1).to_le_bytes());
        webp(b"VP8X", &[&[0; 4][..], &width[..3], &height[..3]].concat())
    }

    #[test]
    fn a_picture_is_what_its_content_says() {
        for (file, kind) in [
            (png(640, 480), ImageKind::Png),
            (jpeg(640, 480), ImageKind::Jpeg),
            (lossy(640, 480), ImageKind::Webp),
            (lossless(640, 480), ImageKind::Webp),
            (extended(640, 480), ImageKind::Webp),
        ] {
            assert_eq!(kind.size(&file), Some((640, 480)), "{kind}");
            let image = Image::new(file.clone()).unwrap();
            assert_eq!((image.kind(), &**image.bytes()), (kind, &file[..]));
        }
        let page = "<svg xmlns=\"http://www.w3.org/2000/svg\"/>";
        for other in [page, "", "GIF89a\x01\0\x01\0", "RIFF\0\0\0\0WAVE", "\u{89}PNG\r\n"] {
            assert_eq!(Image::new(other.as_bytes()), Err(ImageError::Kind), "{other}");
        }
    }

    #[test]
    fn a_header_that_is_cut_off_anywhere_is_refused() {
        for file in [png(9, 9), jpeg(9, 9), lossy(9, 9), lossless(9, 9), extended(9, 9)] {
            let whole = (0..=file.len()).find(|&length| Image::new(&file[..length]).is_ok());
            let whole = whole.unwrap();
            for length in 0..whole {
                let refused = Image::new(&file[..length]);
                assert!(matches!(refused, Err(ImageError::Kind | ImageError::Header(_))));
            }
            assert!((whole..=file.len()).all(|length| Image::new(&file[..length]).is_ok()));
        }
        let no_frame = b"\xff\xd8\xff\xda\0\x02\xff\xc0\0\x0b\x08\0\x09\0\x09";
        for broken in [&no_frame[..], b"\xff\xd8\xff\xe0\0\x01\0\0", b"\xff\xd8\xff\xe0\0\x02\0\0"]
        {
            assert_eq!(Image::new(broken), Err(ImageError::Header(ImageKind::Jpeg)));
        }
    }

    #[test]
    fn a_picture_has_so_many_pixels_and_bytes_and_no_more() {
        for (width, height, is_right) in [
            (1, 1, true),
            (8_192, 8_192, true),
            (0, 1, false),
            (1, 0, false),
            (8_193, 1, false),
            (1, 8_193, false),
        ] {
            let image = Image::new(png(width, height));
            assert_eq!(image.is_ok(), is_right, "{width} x {height}");
            assert!(is_right || image == Err(ImageError::Pixels(width, height)));
        }
        let mut file = png(1, 1);
        file.resize(Image::BYTES_MAX, 0);
        assert!(Image::new(file.clone()).is_ok());
        file.push(0);
        assert_eq!(Image::new(file), Err(ImageError::Length(524_289)));
    }

    #[test]
    fn the_same_content_is_the_same_picture() {
        let [one, again, other] =
            [png(1, 1), png(1, 1), png(1, 2)].map(|file| Image::new(file).unwrap());

        assert_eq!(one.digest(), again.digest());
        assert_ne!(one.digest(), other.digest());
        let spelt = one.digest().to_string();
        assert_eq!(spelt.parse(), Ok(one.digest()));
        for wrong in [
            &spelt[1..],
            &spelt.to_uppercase(),
            &format!("{spelt}0"),
            &spelt.replace(&spelt[..1], "g"),
        ] {
            assert_eq!(wrong.parse::<ImageDigest>(), Err(ParseDigestError), "{wrong}");
        }
    }
}
