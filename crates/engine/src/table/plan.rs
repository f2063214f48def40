//! Which column of a table feeds which feature.

use foretell_frame::{Kind, Schema};

use super::cells::{Number, parse_number};
use super::{Header, MissingColumn, Note, TableError, Target, nearest};

/// How many missing columns are given the name that may have been meant.
const SUGGESTIONS: usize = 10;

/// What a column of a table is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Values of the feature at this position of the schema.
    Feature(usize),
    /// The known answers.
    Target,
    /// Nothing.
    Ignored,
}

/// The roles of a table's columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    /// One role per column. Empty when columns are only counted: the features in order, the target aside.
    pub(crate) roles: Vec<Role>,
    /// Position of the target.
    pub(crate) target: Option<usize>,
    /// Whether rows must have exactly `roles.len()` cells (a header said so) and not as many as there are
    /// features.
    pub(crate) by_header: bool,
}

/// Whether the first row of a table names its columns.
///
/// With a name the model knows among the cells it does; with a number among them it does not. Otherwise the
/// row is a header in a file, and data in a request (`Header::Names`).
pub(crate) fn is_header(cells: &[String], schema: &Schema, header: Header) -> bool {
    match header {
        Header::Present => true,
        Header::Absent => false,
        Header::Auto | Header::Names => {
            let known = cells.iter().any(|cell| schema.position(cell).is_some());
            known || (header == Header::Auto && looks_like_names(cells))
        }
    }
}

/// Whether every cell could be a name: not empty, and not a number.
pub(crate) fn looks_like_names(cells: &[String]) -> bool {
    cells.iter().all(|cell| !cell.is_empty() && parse_number(cell.trim()) == Number::Not)
}

impl Plan {
    /// Columns matched by the names of a header where the model knows names, by position otherwise.
    ///
    /// # Errors
    /// A feature without a column, a column name twice, a wrong number of columns, no such target.
    pub(crate) fn with_header(
        names: &[String],
        schema: &Schema,
        target: Option<&Target>,
        notes: &mut Vec<Note>,
    ) -> Result<Self, TableError> {
        let target = target.map(|target| Self::find_target(target, names)).transpose()?;
        let made_up = || names_all(schema, names, target);
        let roles = if schema.named() || made_up() {
            by_name(names, schema, target, notes)?
        } else {
            by_position(names.len(), schema, target)?
        };
        Ok(Self { roles, target, by_header: true })
    }

    /// Columns by position, in a table without a header.
    ///
    /// # Errors
    /// The target was given by name.
    pub(crate) fn without_header(target: Option<&Target>) -> Result<Self, TableError> {
        let target = match target {
            None => None,
            Some(Target::Position(position)) => Some(*position),
            Some(Target::Name(name)) => match name.parse() {
                Ok(position) => Some(position),
                Err(_) => return Err(TableError::TargetByName { name: name.clone() }),
            },
        };
        Ok(Self { roles: Vec::new(), target, by_header: false })
    }

    /// The position of the target among the columns.
    ///
    /// # Errors
    /// There is no such column.
    pub(crate) fn find_target(target: &Target, names: &[String]) -> Result<usize, TableError> {
        let found = match target {
            Target::Position(position) => Some(*position).filter(|position| *position < names.len()),
            Target::Name(name) => names
                .iter()
                .position(|column| column == name)
                .or_else(|| name.parse().ok().filter(|position: &usize| *position < names.len())),
        };
        found.ok_or_else(|| {
            let name = target.to_string();
            let nearest = nearest(&name, names.iter().map(String::as_str));
            TableError::NoTarget { name, nearest, columns: names.to_vec() }
        })
    }

    /// The columns of a table without a header that are all known to have `columns` cells.
    ///
    /// # Errors
    /// Another number of columns than features.
    pub(crate) fn by_count(
        columns: usize,
        schema: &Schema,
        target: Option<usize>,
    ) -> Result<Self, TableError> {
        Ok(Self { roles: by_position(columns, schema, target)?, target, by_header: true })
    }

    /// The role of a column.
    pub(crate) fn role(&self, column: usize, schema: &Schema) -> Role {
        if self.by_header {
            return self.roles[column];
        }
        let feature = match self.target {
            Some(target) if target == column => return Role::Target,
            Some(target) if target < column => column - 1,
            Some(_) | None => column,
        };
        if feature < schema.len() { Role::Feature(feature) } else { Role::Ignored }
    }
}

/// Whether the columns beside the target are named like the features, each once: then the order of columns does
/// not matter, even where the names were made up.
fn names_all(schema: &Schema, names: &[String], target: Option<usize>) -> bool {
    let mut named = vec![false; schema.len()];
    let mut columns = names.iter().enumerate().filter(|(column, _)| target != Some(*column));
    let name_one = |name: &String| {
        schema.position(name).is_some_and(|feature| !std::mem::replace(&mut named[feature], true))
    };
    names.len() == schema.len() + usize::from(target.is_some())
        && columns.by_ref().map(|(_, name)| name).all(name_one)
}

fn by_name(
    names: &[String],
    schema: &Schema,
    target: Option<usize>,
    notes: &mut Vec<Note>,
) -> Result<Vec<Role>, TableError> {
    let mut column_of = vec![None; schema.len()];
    let mut ignored = Vec::new();
    let mut roles = Vec::with_capacity(names.len());
    for (column, name) in names.iter().enumerate() {
        let role = match schema.position(name) {
            _ if target == Some(column) => Role::Target,
            Some(feature) => Role::Feature(feature),
            None => Role::Ignored,
        };
        if let Role::Feature(feature) = role
            && let Some(first) = column_of[feature].replace(column)
        {
            return Err(TableError::DuplicateColumn {
                name: name.clone(),
                first: first + 1,
                second: column + 1,
            });
        }
        if role == Role::Ignored {
            ignored.push(name.clone());
        }
        roles.push(role);
    }
    let missing: Vec<_> = schema
        .features()
        .iter()
        .zip(&column_of)
        .filter(|(feature, column)| column.is_none() && feature.kind != Kind::Unused)
        .enumerate()
        .map(|(number, (feature, _))| MissingColumn {
            name: feature.name.clone(),
            // Every further suggestion would cost as much and be read by nobody.
            nearest: (number < SUGGESTIONS)
                .then(|| nearest(&feature.name, ignored.iter().map(String::as_str)))
                .flatten(),
        })
        .collect();
    if !missing.is_empty() {
        return Err(TableError::MissingColumns { missing });
    }
    if !ignored.is_empty() {
        notes.push(Note::IgnoredColumns(ignored));
    }
    Ok(roles)
}

fn by_position(columns: usize, schema: &Schema, target: Option<usize>) -> Result<Vec<Role>, TableError> {
    let got = columns - usize::from(target.is_some());
    if got != schema.len() {
        return Err(TableError::WrongColumnCount { expected: schema.len(), got });
    }
    let plan = Plan { roles: Vec::new(), target, by_header: false };
    Ok((0..columns).map(|column| plan.role(column, schema)).collect())
}
