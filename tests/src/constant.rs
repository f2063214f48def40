//! Models that answer one number whatever they are asked, so that an answer tells which model gave it.

use std::fs;
use std::path::{Path, PathBuf};

/// A LightGBM model of one feature `x` that always predicts `value`, as the file `name` in `folder`.
///
/// # Panics
/// If the file cannot be written.
pub fn constant(folder: &Path, name: &str, value: f64) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, text(value)).expect("a file in a scratch folder");
    path
}

/// The text of such a model.
pub fn text(value: f64) -> String {
    format!(
        "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\nmax_feature_idx=0\n\
         objective=regression\nfeature_names=x\nfeature_infos=[0:10]\n\n\
         Tree=0\nnum_leaves=2\nnum_cat=0\nsplit_feature=0\nsplit_gain=1\nthreshold=5\ndecision_type=2\n\
         left_child=-1\nright_child=-2\nleaf_value={value} {value}\nleaf_weight=1 1\nleaf_count=1 1\n\
         internal_value=0\ninternal_weight=2\ninternal_count=2\nis_linear=0\nshrinkage=1\n\n\nend of trees\n"
    )
}
