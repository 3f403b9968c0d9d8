//! A `WITH` inside a query may use a name of one around it, which it hides. The planner refuses that, so the inner one is renamed,
//! with all that reads it; where it is read it keeps its written name as an alias.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Ident, ObjectName, Query, TableAlias, TableFactor, VisitMut, VisitorMut, With};

pub(crate) fn rename_shadows(query: &mut Query) {
    let mut scopes = Scopes::default();
    let _: ControlFlow<()> = query.visit(&mut scopes);
}

#[derive(Default)]
struct Scopes {
    /// What is visible, the innermost last: the name and what it is called now.
    visible: Vec<(String, String)>,
    /// Of each query around: how many names were visible outside of it, and its `WITH`, which was seen to before its body.
    outside: Vec<(usize, Option<With>)>,
    renamed: usize,
}

impl Scopes {
    fn current(&self, name: &str) -> Option<&str> {
        let mut inner = self.visible.iter().rev();
        inner.find(|(known, _)| known == name).map(|(_, now)| now.as_str())
    }

    /// Makes a name visible, under another where it hides one of those `outside`.
    fn add(&mut self, name: &mut Ident, outside: usize) {
        let known = folded(name);
        if self.visible[..outside].iter().any(|(hidden, _)| *hidden == known) {
            self.renamed += 1;
            *name = Ident::with_quote('"', format!("{known}:{}", self.renamed));
        }
        self.visible.push((known, folded(name)));
    }
}

impl VisitorMut for Scopes {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let outside = self.visible.len();
        let mut with = query.with.take();
        if let Some(with) = &mut with {
            for cte in &mut with.cte_tables {
                // Within itself a recursive one is itself, any other the one that it hides.
                if with.recursive {
                    self.add(&mut cte.alias.name, outside);
                }
                cte.query.visit(self)?;
                if !with.recursive {
                    self.add(&mut cte.alias.name, outside);
                }
            }
        }
        self.outside.push((outside, with));
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        if let Some((outside, with)) = self.outside.pop() {
            query.with = with;
            self.visible.truncate(outside);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table {
            name,
            alias,
            args: None,
            ..
        } = factor
            && let [part] = name.0.as_slice()
            && let Some(written) = part.as_ident().cloned()
            && let Some(now) = self.current(&folded(&written))
            && now != folded(&written)
        {
            *name = ObjectName::from(vec![Ident::with_quote('"', now)]);
            alias.get_or_insert_with(|| TableAlias {
                explicit: true,
                name: written,
                columns: Vec::new(),
                at: None,
            });
        }
        ControlFlow::Continue(())
    }
}

/// As the planner reads it.
fn folded(name: &Ident) -> String {
    match name.quote_style {
        Some(_) => name.value.clone(),
        None => name.value.to_lowercase(),
    }
}
