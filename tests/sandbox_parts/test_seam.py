"""What is built on the sandbox shares nothing with what it tests, as the sandbox itself does."""

import ast
from pathlib import Path

HERE = Path(__file__).parent


def test_it_imports_nothing_of_the_product_but_fhir_and_the_sandbox() -> None:
    for path in HERE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("connector"):
                names = {f"{node.module}.{alias.name}" for alias in node.names}
                assert all(n.startswith(("connector.fhir.", "connector.sandbox")) for n in names)
