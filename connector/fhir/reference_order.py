"""In which order resources that refer to one another can be sent. Pure."""

from collections.abc import Iterable, Mapping


def reference_order(edges: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """Groups of nodes in an order in which every reference points backwards or into its group.

    `edges`: node → nodes it refers to (unknown ones are ignored). Groups are the strongly
    connected components (Tarjan 1972, without recursion: charts have chains thousands long); a
    group of more than one node is a reference cycle and has to be written together.
    """
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    on_stack: set[str] = set()
    stack: list[str] = []
    groups: list[list[str]] = []
    for root in edges:
        if root in index:
            continue
        work = [(root, iter(edges[root]))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while work:
            node, targets = work[-1]
            for target in targets:
                if target not in edges:
                    continue
                if target not in index:
                    index[target] = low[target] = len(index)
                    stack.append(target)
                    on_stack.add(target)
                    work.append((target, iter(edges[target])))
                    break
                if target in on_stack:
                    low[node] = min(low[node], index[target])
            else:
                work.pop()
                if work:
                    parent = work[-1][0]
                    low[parent] = min(low[parent], low[node])
                if low[node] == index[node]:
                    groups.append(_popped(stack, node))
                    on_stack.difference_update(groups[-1])
    return groups


def _popped(stack: list[str], down_to: str) -> list[str]:
    group = [stack.pop()]
    while group[-1] != down_to:
        group.append(stack.pop())
    return group
