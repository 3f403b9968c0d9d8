//! Reads the Arrow IPC stream that a scan answers, again.
//!
//! Framing and sizes are checked here before arrow-ipc sees a batch: its readers trust the lengths in a message and
//! allocate by them.

use crate::wide::COLUMNS_MIN;
use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow_buffer::{Buffer, MutableBuffer};
use arrow_ipc::convert::fb_to_schema;
use arrow_ipc::reader::read_record_batch;
use arrow_ipc::{FieldNode, Message, MessageHeader, RecordBatch as BatchHeader, root_as_message};
use arrow_schema::{ArrowError, DataType, Field, Fields, Schema, SchemaRef};
use std::collections::HashMap;
use std::sync::Arc;

const CONTINUATION: [u8; 4] = [0xff; 4];

/// The batches of a stream whose columns must be those of `wanted`, nullability aside: nothing may be null that
/// `wanted` takes for present. Each batch has a copy of its own body: operators that keep one batch are charged for its
/// buffer, which must not be that of all. Of a wide answer (`wide`) each batch has a schema before it, of some of the columns; the
/// others are null, and those of one type share their memory.
pub fn decode(ipc: &[u8], wanted: &SchemaRef) -> Result<Vec<RecordBatch>, ArrowError> {
    let mut frames = Frames { bytes: ipc, at: 0 };
    let mut columns = None;
    let mut batches = Vec::new();
    while let Some((message, body)) = frames.next()? {
        match message.header_type() {
            MessageHeader::Schema => columns = Some(Columns::of(&message, wanted)?),
            MessageHeader::RecordBatch => match &columns {
                Some(columns) => batches.push(columns.read(&message, body, wanted)?),
                None => return Err(damaged("it does not begin with a schema")),
            },
            _ => return Err(damaged("it holds a message that is no batch")),
        }
    }
    match columns {
        Some(_) => Ok(batches),
        None => Err(damaged("it has no schema")),
    }
}

/// The columns of the batches that follow.
struct Columns {
    schema: SchemaRef,
    /// The place of each among those that are wanted; `None`: they are these.
    places: Option<Vec<usize>>,
}

impl Columns {
    fn of(message: &Message, wanted: &SchemaRef) -> Result<Self, ArrowError> {
        let schema = message
            .header_as_schema()
            .ok_or_else(|| damaged("it does not begin with a schema"))?;
        let schema = fb_to_schema(schema);
        let is_whole = wanted.fields().len() <= COLUMNS_MIN || schema.fields().len() >= wanted.fields().len();
        if is_whole {
            check_schema(&schema, wanted)?;
            return Ok(Self {
                schema: Arc::clone(wanted),
                places: None,
            });
        }
        let mut places = Vec::with_capacity(schema.fields().len());
        let mut rest = wanted.fields().iter().enumerate();
        for field in schema.fields() {
            match rest.find(|(_, wants)| wants.name() == field.name()) {
                Some((place, wants)) if wants.data_type() == field.data_type() => places.push(place),
                _ => return Err(damaged(&format!("it has a column {field} that is not wanted there"))),
            }
        }
        let fields: Vec<_> = places
            .iter()
            .map(|&place| Arc::clone(&wanted.fields()[place]))
            .collect();
        Ok(Self {
            schema: Arc::new(Schema::new(fields)),
            places: Some(places),
        })
    }

    fn read(&self, message: &Message, body: &[u8], wanted: &SchemaRef) -> Result<RecordBatch, ArrowError> {
        let header = message
            .header_as_record_batch()
            .ok_or_else(|| damaged("it holds a message that is no batch"))?;
        check_sizes(&header, self.schema.fields(), body.len())?;
        let mut aligned = MutableBuffer::with_capacity(body.len());
        aligned.extend_from_slice(body);
        let body = Buffer::from(aligned);
        let schema = Arc::clone(&self.schema);
        let batch = read_record_batch(&body, header, schema, &HashMap::new(), None, &message.version())?;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let columns = match &self.places {
            None => batch.columns().to_vec(),
            Some(places) => spread(&batch, places, wanted),
        };
        RecordBatch::try_new_with_options(Arc::clone(wanted), columns, &options)
    }
}

/// The columns at their places, and nulls at all others.
fn spread(batch: &RecordBatch, places: &[usize], wanted: &SchemaRef) -> Vec<ArrayRef> {
    let mut nulls: HashMap<&DataType, ArrayRef> = HashMap::new();
    let mut present = places.iter().zip(batch.columns()).peekable();
    let column = |(place, field): (usize, &'_ Arc<Field>)| match present.next_if(|(of, _)| **of == place) {
        Some((_, column)) => Arc::clone(column),
        None => {
            let null = || new_null_array(field.data_type(), batch.num_rows());
            Arc::clone(nulls.entry(type_of(wanted, place)).or_insert_with(null))
        }
    };
    wanted.fields().iter().enumerate().map(column).collect()
}

fn type_of(schema: &SchemaRef, place: usize) -> &DataType {
    schema.field(place).data_type()
}

/// The messages of a stream with their bodies.
struct Frames<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Frames<'a> {
    fn next(&mut self) -> Result<Option<(Message<'a>, &'a [u8])>, ArrowError> {
        let mut length = self.take(4)?;
        if length == CONTINUATION {
            length = self.take(4)?;
        }
        let length = <[u8; 4]>::try_from(length).map(u32::from_le_bytes).unwrap_or(0) as usize;
        if length == 0 {
            return Ok(None);
        }
        let message = root_as_message(self.take(length)?).map_err(|error| damaged(&error.to_string()))?;
        let body_bytes = usize::try_from(message.bodyLength()).map_err(|_| damaged("a body has a negative length"))?;
        Ok(Some((message, self.take(body_bytes)?)))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], ArrowError> {
        let end = self
            .at
            .checked_add(length)
            .ok_or_else(|| damaged("a length is out of range"))?;
        let taken = self.bytes.get(self.at..end).ok_or_else(|| damaged("it ends early"))?;
        self.at = end;
        Ok(taken)
    }
}

fn check_schema(has: &Schema, wanted: &Schema) -> Result<(), ArrowError> {
    let same = has.fields().len() == wanted.fields().len()
        && has
            .fields()
            .iter()
            .zip(wanted.fields())
            .all(|(has, wants)| has.name() == wants.name() && has.data_type() == wants.data_type());
    match same {
        true => Ok(()),
        false => Err(damaged(&format!("it has the columns {has}, and {wanted} are wanted"))),
    }
}

/// Every column has the rows of the batch, every buffer lies in the body, and the body is not too small for the rows.
fn check_sizes(header: &BatchHeader, fields: &Fields, body_bytes: usize) -> Result<(), ArrowError> {
    let rows = header.length();
    let mut nodes = header.nodes().into_iter().flatten();
    let mut nodes_fit = true;
    for field in fields {
        let Some(node) = nodes.next() else {
            return Err(damaged("a batch has too few columns"));
        };
        nodes_fit &= node.length() == rows && check_node(node, field, &mut nodes, body_bytes);
    }
    nodes_fit &= nodes.next().is_none();
    let buffers_fit = header.buffers().iter().flatten().all(|buffer| {
        let end = buffer.offset().checked_add(buffer.length());
        buffer.offset() >= 0 && buffer.length() >= 0 && end.is_some_and(|end| end as u64 <= body_bytes as u64)
    });
    let columns = header.nodes().map_or(0, |nodes| nodes.len());
    // A boolean column, the smallest there is, takes a bit a row.
    let rows_fit = rows >= 0 && (columns == 0 || rows as u64 <= body_bytes as u64 * 8);
    match nodes_fit && buffers_fit && rows_fit {
        true => Ok(()),
        false => Err(damaged("the sizes in a batch contradict each other")),
    }
}

/// A column's own sizes, and those of the columns in it, whose nodes come next.
fn check_node<'n>(
    node: &FieldNode,
    field: &Field,
    nodes: &mut impl Iterator<Item = &'n FieldNode>,
    body_bytes: usize,
) -> bool {
    let length = node.length();
    let own = length >= 0 && length as u64 <= body_bytes as u64 * 8 && (0..=length).contains(&node.null_count());
    let inner: &[Arc<Field>] = match field.data_type() {
        DataType::List(item) | DataType::LargeList(item) => std::slice::from_ref(item),
        DataType::Struct(fields) => fields,
        _ => &[],
    };
    inner.iter().all(|field| {
        nodes
            .next()
            .is_some_and(|node| check_node(node, field, nodes, body_bytes))
    }) && own
}

fn damaged(reason: &str) -> ArrowError {
    ArrowError::IpcError(reason.to_owned())
}
