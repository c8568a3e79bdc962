"""``python -m fixbench.ablation FOLDER``: write the schemas of the written files there."""

import json
import sys
from pathlib import Path

from fixbench.ablation._schema import schemas

for name, schema in schemas().items():
    text = json.dumps(schema, indent=2, ensure_ascii=False)
    Path(sys.argv[1], f"{name}.schema.json").write_text(f"{text}\n", encoding="utf-8")
