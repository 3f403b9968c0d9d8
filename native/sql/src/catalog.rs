//! Streams by name. Every name resolves here, so that an unknown one is answered with the nearest known ones.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use async_trait::async_trait;
use basalt_scan::request::TimeRange;
use datafusion::catalog::{CatalogProvider, CatalogProviderList, SchemaProvider, TableProvider};
use datafusion::common::Result;

use crate::context::PlanContext;
use crate::error::{STREAM_NOT_FOUND, SqlError};
use crate::stream_table::StreamTable;
use crate::suggest::nearest;

/// The catalog and the schema that an unqualified stream is in.
pub(crate) const CATALOG: &str = "basalt";
pub(crate) const SCHEMA: &str = "logs";

/// The functions that make rows. The planner looks for a table of the name first.
const TABLE_FUNCTIONS: [&str; 2] = ["generate_series", "range"];

/// The streams that one statement may name.
#[derive(Debug)]
pub(crate) struct Streams {
    tables: HashMap<String, Arc<StreamTable>>,
    /// For suggestions.
    names: Vec<String>,
}

impl Streams {
    pub fn new(context: &PlanContext) -> Arc<Self> {
        let next_leaf = Arc::new(AtomicUsize::new(0));
        let tables = context
            .streams
            .iter()
            .map(|stream| {
                let bounds = TimeRange {
                    // The later one; `None` is before any time.
                    min: context.start_time.max(stream.start_time),
                    max: context.end_time,
                };
                (
                    stream.name.clone(),
                    Arc::new(StreamTable::new(stream, bounds, Arc::clone(&next_leaf))),
                )
            })
            .collect();
        let names = context
            .streams
            .iter()
            .map(|stream| &stream.name)
            .chain(&context.stream_names)
            .cloned()
            .collect();
        Arc::new(Streams { tables, names })
    }
}

/// All catalogs: one holds the streams, any other name answers that there is no such stream.
#[derive(Debug)]
pub(crate) struct Catalogs(pub Arc<Streams>);

#[derive(Debug)]
struct Catalog {
    streams: Arc<Streams>,
    name: String,
}

#[derive(Debug)]
struct Schema {
    streams: Arc<Streams>,
    /// How the statement wrote what stands before the stream's name; `None` in the schema of streams.
    foreign: Option<String>,
}

impl CatalogProviderList for Catalogs {
    fn register_catalog(&self, _: String, _: Arc<dyn CatalogProvider>) -> Option<Arc<dyn CatalogProvider>> {
        None
    }

    fn catalog_names(&self) -> Vec<String> {
        vec![CATALOG.to_owned()]
    }

    fn catalog(&self, name: &str) -> Option<Arc<dyn CatalogProvider>> {
        Some(Arc::new(Catalog {
            streams: Arc::clone(&self.0),
            name: name.to_owned(),
        }))
    }
}

impl CatalogProvider for Catalog {
    fn schema_names(&self) -> Vec<String> {
        vec![SCHEMA.to_owned()]
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        let foreign = match (self.name.as_str(), name) {
            (CATALOG, SCHEMA) => None,
            (CATALOG, schema) => Some(schema.to_owned()),
            (catalog, schema) => Some(format!("{catalog}.{schema}")),
        };
        Some(Arc::new(Schema {
            streams: Arc::clone(&self.streams),
            foreign,
        }))
    }
}

#[async_trait]
impl SchemaProvider for Schema {
    fn table_names(&self) -> Vec<String> {
        self.streams.names.clone()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        if let (None, Some(table)) = (&self.foreign, self.streams.tables.get(name)) {
            return Ok(Some(Arc::clone(table) as Arc<dyn TableProvider>));
        }
        if self.foreign.is_none() && TABLE_FUNCTIONS.contains(&name) {
            return Ok(None);
        }
        let known = self.streams.names.iter().map(String::as_str);
        let written = match &self.foreign {
            Some(before) => format!("{before}.{name}"),
            None => name.to_owned(),
        };
        Err(
            SqlError::new(STREAM_NOT_FOUND, format!("Search stream not found: {written}"))
                .with_suggestions(nearest(name, known))
                .about(written)
                .into(),
        )
    }

    fn table_exist(&self, name: &str) -> bool {
        self.foreign.is_none() && self.streams.tables.contains_key(name)
    }
}
