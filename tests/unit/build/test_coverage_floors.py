"""No part and no measure hides behind another."""

from typing import Any

from tools.coverage_floors import below

FULL = (100, 100, 100, 100)


def report(functions: tuple[int, ...] = FULL, layer: tuple[int, ...] = FULL) -> dict[str, Any]:
    names = ("covered_lines", "num_statements", "covered_branches", "num_branches")
    files = {"functions/api/handler.py": functions, "layers/relay/relay/config.py": layer}
    return {
        "files": {
            name: {"summary": dict(zip(names, figures, strict=True))}
            for name, figures in files.items()
        }
    }


def test_all_at_the_floor_is_enough() -> None:
    assert below(report((95, 100, 95, 100), (95, 100, 95, 100)), 95) == []


def test_lines_do_not_hide_branches_nor_the_layer_the_functions() -> None:
    (of_branches,) = below(report((1000, 1000, 94, 100)), 95)
    (of_layer,) = below(report(layer=(94, 100, 100, 100)), 95)

    assert of_branches.split() == ["functions/", "branches", "94", "of", "100", "94.00", "%"]
    assert of_layer.split() == ["layers/relay/", "lines", "94", "of", "100", "94.00", "%"]


def test_what_was_not_measured_is_below_the_floor() -> None:
    assert len(below({"files": {}}, 95)) == 4
