"""What the packet holds and says, judged on charts in which it is known.

`python -m benchmarks.clinic` prints it; its parts:

`charts`: the planted charts and the complete ones, as files. `program`: one request through the
command line. `planted`: what became of each planted record. `complete`: one item's records taken
away at a time. `look`: an own search for what was told absent. `page`: docs/clinic.md.
"""
