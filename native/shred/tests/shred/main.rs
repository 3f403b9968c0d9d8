//! Tests of the shredder from outside.

mod bodies;
mod bulk;
mod cells;
mod conformance;
mod damage;
mod generator;
mod limits;
mod oracle;
mod reference;
mod rules;
