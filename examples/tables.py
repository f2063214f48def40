"""Write the table that an example's `train.toml` learns from, beside it.

Usage: `python tables.py iris|breast-cancer` for tables that scikit-learn brings, or
`python tables.py boston|diabetes|eeg FILE` for those that may not be redistributed. A last argument names another
folder.
"""

import pathlib
import shutil
import sys

import pandas
from sklearn.datasets import load_breast_cancer, load_iris

if len(sys.argv) < 2:
    sys.exit(__doc__)
name, *rest = sys.argv[1:]
bundled = name in ("iris", "breast-cancer")
if not bundled and not rest:
    sys.exit(__doc__)
source = None if bundled else rest.pop(0)
folder = pathlib.Path(rest[0]) if rest else pathlib.Path(__file__).parent / name
out = folder / f"{name}.csv"

if name == "iris":
    iris = load_iris(as_frame=True)
    table = iris.data.rename(columns=lambda name: name.removesuffix(" (cm)").replace(" ", "_"))
    table.assign(species=iris.target).to_csv(out, index=False)
elif name == "breast-cancer":
    cancer = load_breast_cancer(as_frame=True)
    # scikit-learn's own target is 1 for a benign tumour.
    cancer.data.assign(malignant=1 - cancer.target).to_csv(out, index=False)
elif name == "boston":
    columns = "CRIM ZN INDUS CHAS NOX RM AGE DIS RAD TAX PTRATIO B LSTAT MEDV".split()
    pandas.read_csv(source, sep=r"\s+", names=columns).to_csv(out, index=False)
else:
    shutil.copyfile(source, out)
