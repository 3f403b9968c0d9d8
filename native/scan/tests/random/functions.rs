//! An aggregate function of the test's own: three times the rows in which both columns have a value.

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, Int64Array};
use arrow_schema::DataType;
use basalt_scan::request::{Argument, Literal, RequestType};
use basalt_scan::{Functions, States};
use std::sync::Arc;

pub struct TestFunctions;

impl Functions for TestFunctions {
    fn states(
        &self,
        name: &str,
        arguments: &[(Argument, Option<RequestType>)],
        distinct: bool,
    ) -> Result<Box<dyn States>, String> {
        let columns = arguments
            .iter()
            .filter(|(_, column_type)| column_type.is_some())
            .count();
        let constant = Argument::Constant {
            value: Literal::Int64(3),
        };
        assert!(name == "pairs" && !distinct && columns == 2 && arguments[1].0 == constant);
        Ok(Box::new(Pairs(Vec::new())))
    }
}

struct Pairs(Vec<i64>);

impl States for Pairs {
    fn types(&self) -> Vec<DataType> {
        vec![DataType::Int64]
    }

    fn update(&mut self, columns: &[ArrayRef], ids: &[usize], groups: usize) -> Result<(), String> {
        self.0.resize(groups, 0);
        for (row, &id) in ids.iter().enumerate() {
            self.0[id] += if columns[0].is_valid(row) && columns[1].is_valid(row) {
                3
            } else {
                0
            };
        }
        Ok(())
    }

    fn merge(&mut self, states: &[ArrayRef], ids: &[usize], groups: usize) -> Result<(), String> {
        self.0.resize(groups, 0);
        let counts = states[0].as_primitive::<Int64Type>().values();
        ids.iter().zip(counts).for_each(|(&id, count)| self.0[id] += count);
        Ok(())
    }

    fn finish(&mut self, groups: usize) -> Result<Vec<ArrayRef>, String> {
        self.0.resize(groups, 0);
        Ok(vec![Arc::new(Int64Array::from(std::mem::take(&mut self.0)))])
    }

    fn bytes(&self) -> usize {
        self.0.len() * 8
    }
}
