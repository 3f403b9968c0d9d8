//! Strings as templates and digits: a column's distinct shapes once a chunk, and of each row its shape and its digits.
//!
//! The template of a string is the string with each maximal run of ASCII digits replaced by one `0`, a *slot*. So a
//! template is UTF-8, and `0` in it always stands for a slot. Log lines come from few print statements: some thousand
//! templates are all there is to 65,536 messages, and what differs from line to line is nearly always digits. That the
//! static text is kept apart, once, and variables by themselves is the idea of CLP (Rodrigues, Luo, Yuan, OSDI 2021); that
//! searches then look at templates first is theirs and LogGrep's (Wei et al., EuroSys 2023). Finding the templates needs
//! no tree as in Drain (He et al., ICWS 2017), since slots are told by their bytes.
//!
//! Per slot and chunk it is known (`shapes`) whether all rows have a run of the same length there, and for slots whose
//! digits hardly change (years, dates, prefixes of addresses) the most frequent digits. A page (`page_writer`,
//! `page_reader`) has, with its rows ordered by template so that like slots lie together: the lengths of slots that vary,
//! the digits of free slots packed (`triples`), and for the others each digit's distance from the frequent one, modulo
//! 10: mostly zeros, which entropy coding makes small.
//!
//! Pays for messages, paths, addresses, numbers as text. Only in segments: it takes a whole chunk to judge.

mod build;
mod numbered;
mod page_reader;
mod page_writer;
mod pairs;
mod shapes;
mod split;

pub use build::build;
pub use numbered::{NumberedPage, read_numbered};
pub use page_reader::read_page;
pub use page_writer::PageWriter;
pub use shapes::Shapes;

use crate::codec::{self, TextSlice, Texts};
use crate::column::Text;
use crate::cursor::{Cursor, Damage};
use crate::writer::EncodeOptions;
use split::Split;

/// What stands for a slot.
pub const SLOT: u8 = b'0';
/// A column with a longer run of digits is not stored as templates.
const RUN_DIGITS_MAX: usize = 255;

/// A column split up, ready to be written.
pub struct Templates {
    split: Split,
    shapes: Shapes,
    /// Encoding and bytes of the dictionary.
    encoding: u8,
    dictionary: Vec<u8>,
}

impl Templates {
    fn new(split: Split, shapes: Shapes, options: &EncodeOptions) -> Self {
        let strings = TextSlice::of(&split.entries);
        let stats = <Texts as codec::Kind>::collect(strings);
        let mut dictionary = vec![0; 4];
        let encoding = codec::encode::<Texts>(strings, &stats, options, &mut dictionary);
        let text_bytes = dictionary.len() as u32 - 4;
        dictionary[..4].copy_from_slice(&text_bytes.to_le_bytes());
        shapes.append(options.zstd_level, &mut dictionary);
        Self {
            split,
            shapes,
            encoding,
            dictionary,
        }
    }

    /// The template of each row; 0 in null rows.
    pub fn codes(&self) -> &[u32] {
        &self.split.codes
    }

    pub fn entries(&self) -> &Text {
        &self.split.entries
    }

    /// Encoding of the templates' text, and the bytes of the dictionary: u32 bytes of that text, the text, the shapes.
    pub fn dictionary(&self) -> (u8, &[u8]) {
        (self.encoding, &self.dictionary)
    }
}

/// The dictionary of a chunk that is read. Its shapes are looked at when the first page is.
pub struct TemplateDictionary {
    pub text: Text,
    shape_bytes: Vec<u8>,
    shapes: Option<Shapes>,
}

impl TemplateDictionary {
    /// The parts of a dictionary's bytes: the templates' text, and what follows it.
    pub fn parts(bytes: &[u8]) -> Result<(&[u8], &[u8]), Damage> {
        let mut cursor = Cursor::new(bytes);
        let text_bytes = cursor.u32()? as usize;
        let text = cursor.take(text_bytes)?;
        Ok((text, cursor.rest()))
    }

    pub fn new(text: Text, shape_bytes: &[u8]) -> Self {
        Self {
            text,
            shape_bytes: shape_bytes.to_vec(),
            shapes: None,
        }
    }

    /// As they were given.
    pub fn shape_bytes(&self) -> &[u8] {
        &self.shape_bytes
    }

    /// With its shapes, which are parsed if they are not yet.
    fn with_shapes(&mut self) -> Result<(&Text, &Shapes), Damage> {
        let shapes = match self.shapes.take() {
            Some(shapes) => shapes,
            None => Shapes::parse(&self.text, &self.shape_bytes)?,
        };
        Ok((&self.text, self.shapes.insert(shapes)))
    }
}
