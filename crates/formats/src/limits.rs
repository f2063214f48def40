//! What a reader may spend on one file.

/// Upper bounds on the memory and work one file may cost.
///
/// The defaults are generous for real models (a forest of a gigabyte loads) and stop every bomb we know within a second and a gigabyte.
/// Fields are public: start from [`Limits::default`] and change what you need.
///
/// ```
/// use foretell_formats::Limits;
/// let limits = Limits { max_inflated_bytes: 64 << 20, ..Limits::default() };
/// assert!(limits.max_nodes > 1_000_000);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the file after decompression.
    pub max_inflated_bytes: usize,
    /// How many times larger than the compressed file its content may be, beyond a first 16 MiB that are always allowed.
    pub max_inflation_ratio: usize,
    /// Bytes of a decompressor's own window (the dictionary size an xz or lzma header asks for).
    pub max_window_bytes: usize,
    /// Compressed streams inside one another.
    pub max_containers: usize,
    /// Files of an archive or folder.
    pub max_members: usize,
    /// Opcodes of a pickle, with those of nested pickles.
    pub max_opcodes: u64,
    /// Values (numbers, texts, lists, objects) in the tree of a file.
    pub max_nodes: usize,
    /// Bytes of memory these values take, without the bytes of arrays and texts, which stay in the file.
    pub max_tree_bytes: usize,
    /// Levels a reader descends from the root; also what ends a walk through a structure that contains itself.
    pub max_depth: usize,
    /// Bytes of one array.
    pub max_array_bytes: usize,
    /// Bytes of numbers, texts and rows that are made while the file is turned into a model.
    pub max_model_bytes: usize,
    /// The same for each byte of the file after decompression, beyond a first 64 MiB. A small file whose parts refer to each other many times
    /// must not grow into a large model.
    pub max_model_ratio: usize,
    /// Steps from value to value a reader may take for each byte of the file after decompression, beyond a first 100 000.
    pub max_steps_ratio: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            max_inflated_bytes: 4 << 30,
            max_inflation_ratio: 200,
            max_window_bytes: 256 << 20,
            max_containers: 2,
            max_members: 10_000,
            max_opcodes: 200_000_000,
            max_nodes: 10_000_000,
            max_tree_bytes: 640 << 20,
            max_depth: 200,
            max_array_bytes: 2 << 30,
            max_model_bytes: 4 << 30,
            max_model_ratio: 64,
            max_steps_ratio: 4,
        }
    }
}
