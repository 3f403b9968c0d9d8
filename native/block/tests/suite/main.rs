//! What this crate promises, from outside: codecs under one contract, round trips, damage, files of old, merges.

mod conformance;
mod damage;
mod golden;
mod merge;
mod round_trip;
mod sections;
mod support;
mod templates;
mod tools;
