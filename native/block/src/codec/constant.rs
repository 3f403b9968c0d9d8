//! One value for the whole page.
//!
//! Pays whenever it applies: reading costs a fill. Layout: the value once (i64 or f64 as 8 bytes, bool as 1, code as
//! 4, a string as its bytes). Worst case: the bytes of one value.

use super::stats::{BoolStats, CodeStats, FloatStats, IntStats, TextStats};
use super::{Bools, CONSTANT, Codec, Codes, Declined, Floats, Ints, TextSlice, Texts};
use crate::column::Text;
use crate::cursor::{Cursor, Damage};

pub struct Constant;

impl Codec<Ints> for Constant {
    fn id(&self) -> u8 {
        CONSTANT
    }

    fn name(&self) -> &'static str {
        "constant"
    }

    fn estimate_bytes(&self, _: &[i64], stats: &IntStats) -> Option<usize> {
        (stats.min == stats.max).then_some(8)
    }

    fn encode(&self, _: &[i64], stats: &IntStats, _: i32, out: &mut Vec<u8>) -> Result<(), Declined> {
        out.extend_from_slice(&stats.min.to_le_bytes());
        Ok(())
    }

    fn decode(&self, payload: &[u8], count: usize, into: &mut Vec<i64>) -> Result<(), Damage> {
        let mut cursor = Cursor::new(payload);
        let value = cursor.i64()?;
        cursor.finish()?;
        fill(into, count, value);
        Ok(())
    }
}

impl Codec<Floats> for Constant {
    fn id(&self) -> u8 {
        CONSTANT
    }

    fn name(&self) -> &'static str {
        "constant"
    }

    fn estimate_bytes(&self, _: &[f64], stats: &FloatStats) -> Option<usize> {
        stats.is_constant().then_some(8)
    }

    fn encode(&self, values: &[f64], _: &FloatStats, _: i32, out: &mut Vec<u8>) -> Result<(), Declined> {
        out.extend_from_slice(&values[0].to_bits().to_le_bytes());
        Ok(())
    }

    fn decode(&self, payload: &[u8], count: usize, into: &mut Vec<f64>) -> Result<(), Damage> {
        let mut cursor = Cursor::new(payload);
        let value = f64::from_bits(cursor.u64()?);
        cursor.finish()?;
        fill(into, count, value);
        Ok(())
    }
}

impl Codec<Bools> for Constant {
    fn id(&self) -> u8 {
        CONSTANT
    }

    fn name(&self) -> &'static str {
        "constant"
    }

    fn estimate_bytes(&self, _: &[bool], stats: &BoolStats) -> Option<usize> {
        (stats.trues == 0 || stats.trues == stats.count).then_some(1)
    }

    fn encode(&self, _: &[bool], stats: &BoolStats, _: i32, out: &mut Vec<u8>) -> Result<(), Declined> {
        out.push(u8::from(stats.trues > 0));
        Ok(())
    }

    fn decode(&self, payload: &[u8], count: usize, into: &mut Vec<bool>) -> Result<(), Damage> {
        let value = match payload {
            [0] => false,
            [1] => true,
            _ => return Err(Damage::new("a constant bool is one byte, 0 or 1")),
        };
        fill(into, count, value);
        Ok(())
    }
}

impl Codec<Codes> for Constant {
    fn id(&self) -> u8 {
        CONSTANT
    }

    fn name(&self) -> &'static str {
        "constant"
    }

    fn estimate_bytes(&self, _: &[u32], stats: &CodeStats) -> Option<usize> {
        (stats.min == stats.max).then_some(4)
    }

    fn encode(&self, _: &[u32], stats: &CodeStats, _: i32, out: &mut Vec<u8>) -> Result<(), Declined> {
        out.extend_from_slice(&stats.min.to_le_bytes());
        Ok(())
    }

    fn decode(&self, payload: &[u8], count: usize, into: &mut Vec<u32>) -> Result<(), Damage> {
        let mut cursor = Cursor::new(payload);
        let value = cursor.u32()?;
        cursor.finish()?;
        fill(into, count, value);
        Ok(())
    }
}

impl Codec<Texts> for Constant {
    fn id(&self) -> u8 {
        CONSTANT
    }

    fn name(&self) -> &'static str {
        "constant"
    }

    fn estimate_bytes(&self, _: TextSlice<'_>, stats: &TextStats) -> Option<usize> {
        stats.all_equal.then_some(stats.length_min as usize)
    }

    fn encode(&self, values: TextSlice<'_>, _: &TextStats, _: i32, out: &mut Vec<u8>) -> Result<(), Declined> {
        out.extend_from_slice(values.get(0));
        Ok(())
    }

    fn decode(&self, payload: &[u8], count: usize, into: &mut Text) -> Result<(), Damage> {
        let total = payload
            .len()
            .checked_mul(count)
            .filter(|&total| u32::try_from(total).is_ok());
        let total = total.ok_or_else(|| Damage::new("constant strings of 4 GiB or more in a page"))?;
        if std::str::from_utf8(payload).is_err() {
            return Err(Damage::new("a constant string is not UTF-8"));
        }
        into.offsets.clear();
        into.offsets
            .extend((0..=count).map(|index| (index * payload.len()) as u32));
        into.bytes.clear();
        into.bytes.reserve(total);
        (0..count).for_each(|_| into.bytes.extend_from_slice(payload));
        Ok(())
    }
}

fn fill<T: Clone>(into: &mut Vec<T>, count: usize, value: T) {
    into.clear();
    into.resize(count, value);
}
