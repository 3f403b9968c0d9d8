//! The digits of a page's rows.
//!
//! Layout: u32 bytes of the compressed lengths; the lengths of variable slots (`compress`, a byte each); the digits of free
//! slots (`triples`); the distances of digits from their references as pairs (`compress`). Each part has all its rows
//! ordered by template, stable. How much each part holds follows from the rows' templates, their shapes and the lengths.

use super::shapes::{REFERENCE, VARIABLE};
use super::{Templates, pairs};
use crate::codec::pieces::Pieces;
use crate::codec::triples;
use crate::compress;

/// Writes the pages of a chunk front to back.
pub struct PageWriter<'a> {
    templates: &'a Templates,
    /// Where the next page begins in the split.
    lengths_at: usize,
    digits_at: usize,
    rows: Vec<Row>,
    /// Rows below each template; then where its next row goes.
    starts: Vec<u32>,
    order: Vec<u32>,
    lengths: Vec<u8>,
    free: Pieces,
    distances: Pieces,
    symbols: Vec<u8>,
}

#[derive(Clone, Copy)]
struct Row {
    template: u32,
    lengths_at: u32,
    digits_at: u32,
}

impl<'a> PageWriter<'a> {
    pub fn new(templates: &'a Templates) -> Self {
        Self {
            templates,
            lengths_at: 0,
            digits_at: 0,
            rows: Vec::new(),
            starts: Vec::new(),
            order: Vec::new(),
            lengths: Vec::new(),
            free: Pieces::default(),
            distances: Pieces::default(),
            symbols: Vec::new(),
        }
    }

    /// Appends the digits of the next page's rows, whose templates are given (nulls left out). `codes` is not empty.
    pub fn append(&mut self, codes: &[u32], out: &mut Vec<u8>) {
        let page_digits_at = self.digits_at;
        self.find_rows(codes);
        self.sort_rows();
        self.lengths.clear();
        self.free.start(self.digits_at - page_digits_at);
        self.distances.start(self.digits_at - page_digits_at);
        for index in 0..self.order.len() {
            self.append_row(self.rows[self.order[index] as usize]);
        }
        let start = out.len();
        out.extend_from_slice(&[0; 4]);
        compress::compress_symbols(&self.lengths, out);
        let lengths_bytes = (out.len() - start - 4) as u32;
        out[start..start + 4].copy_from_slice(&lengths_bytes.to_le_bytes());
        triples::pack(self.free.bytes(), out);
        pairs::join(self.distances.bytes(), &mut self.symbols);
        compress::compress_symbols(&self.symbols, out);
    }

    fn find_rows(&mut self, codes: &[u32]) {
        let Templates { split, shapes, .. } = self.templates;
        self.rows.clear();
        for &template in codes {
            self.rows.push(Row {
                template,
                lengths_at: self.lengths_at as u32,
                digits_at: self.digits_at as u32,
            });
            let slots = shapes.slots(template as usize).len();
            let lengths = &split.lengths[self.lengths_at..self.lengths_at + slots];
            self.digits_at += lengths.iter().map(|&length| usize::from(length)).sum::<usize>();
            self.lengths_at += slots;
        }
    }

    /// Fills `order` with the rows by template, by counting.
    fn sort_rows(&mut self) {
        self.starts.clear();
        self.starts.resize(self.templates.entries().len() + 1, 0);
        self.rows
            .iter()
            .for_each(|row| self.starts[row.template as usize + 1] += 1);
        let mut sum = 0;
        for start in &mut self.starts {
            sum += *start;
            *start = sum;
        }
        self.order.resize(self.rows.len(), 0);
        for (index, row) in self.rows.iter().enumerate() {
            let next = &mut self.starts[row.template as usize];
            self.order[*next as usize] = index as u32;
            *next += 1;
        }
    }

    fn append_row(&mut self, row: Row) {
        let Templates { split, shapes, .. } = self.templates;
        let template = row.template as usize;
        let mut at = row.digits_at as usize;
        let distances_at = self.distances.used;
        for (slot, &length) in shapes.slots(template).zip(&split.lengths[row.lengths_at as usize..]) {
            let form = shapes.forms[slot];
            let end = at + usize::from(length);
            if form == VARIABLE {
                self.lengths.push(length);
            }
            if form & REFERENCE == 0 {
                self.free.copy(&split.digits, at, end);
            } else {
                self.distances.copy(&split.digits, at, end);
            }
            at = end;
        }
        let distances = &mut self.distances.room[distances_at..self.distances.used];
        for (digit, reference) in distances.iter_mut().zip(shapes.references_of(template)) {
            let distance = *digit + 10 - b'0' - reference;
            *digit = if distance >= 10 { distance - 10 } else { distance };
        }
    }
}
