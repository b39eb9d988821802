"""One row of a bench: what was measured, what was measured beside it, and whether a goal is met."""


def row(name, ours, theirs, goal, verdict, unit="ms"):
    ratio = f"{ours / theirs:6.2f}x" if theirs else "       "
    other = f"{theirs:10.2f}" if theirs is not None else "          "
    print(f"{name:44} {ours:10.2f} {other} {unit:3} {ratio}   {goal:28} {verdict}", flush=True)
