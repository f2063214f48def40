//! Readers of model files: bytes to [`Model`](foretell_model::Model), without running anything.
