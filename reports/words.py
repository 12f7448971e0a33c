"""The report's standing texts: how to read each chart, how it was measured, what the words mean."""

from __future__ import annotations

UNDERSTANDING = {
    "throughput": (
        "Each faint dot is one fresh server process, each mark the geometric mean of them, its line the 95 % "
        "interval. The axis is logarithmic: equal distances are equal ratios. Where intervals of two stacks "
        "overlap, look at the tiers in the table before calling one faster. A hollow mark: half or more of "
        "the processes had not become steady. An arrow: the load generator was the limit, so the true figure "
        "is at least this."
    ),
    "forest": (
        "Right of 1 the runtime is faster than the baseline with the same source, left of it slower. Each "
        "faint dot is one block's ratio, each line the 95 % interval of the mean. A hollow grey mark is "
        "undecided: the interval, corrected for all rows of this chart, holds 1. A star: packages differ in "
        "version between the runtimes, so that this is not a comparison of interpreters alone; the stack's "
        "section lists them."
    ),
    "versus": (
        "Right of 1, run A served more per second than run B with the same stack. A hollow grey mark is undecided. "
        "The interval knows the drift within each run, not a change of the machine between them: run both again, "
        "in the other order, before believing a small difference."
    ),
    "latency": (
        "The mark is the median answer (p50); the ticks to its right are p90, p99 (bold) and p99.9, each the "
        "median over processes, and only where enough samples lie beyond it. This is latency at saturation: a"
        " fixed number of connections each ask again as soon as they are answered, so the median is about "
        "connections divided by throughput, and says how evenly a server treats its clients rather than how "
        "quick it is with room to spare."
    ),
    "rate": (
        "The same rate was offered to every stack, requests coming at random moments whether or not the last ones were "
        "answered, and latency counts from the moment a request was due, so a stall is charged to all that it delayed. "
        "At a common rate stacks can be compared: this is how quick a server is with room to spare. One that could not "
        "keep up shows no latency, since a growing queue has none of its own."
    ),
    "load": (
        "Thick with marks: p50; dashed: p99; both over the rate that was offered, in an open loop. All panels share "
        "their axes. A dotted upright is the knee: the highest rate still served in time. A hollow mark: the stack did "
        "not keep up, so that its latency is that of a growing queue."
    ),
    "counts": (
        "Each dot is the geometric mean over processes with so many connections, its upright the 95 % interval; all "
        "panels share their axes. The large mark is the best, written above: the capacity, as far as these numbers "
        "of connections find it. Where its interval overlaps a neighbour's, either may be the best. All counts of a "
        "process follow each other on the same warm server. A \N{GREATER-THAN OR EQUAL TO}: the load generator was the "
        "limit at the main count."
    ),
    "spectrum": (
        "Further right, fewer answers are slower: each step is another nine, so the right half is what one in a "
        "hundred and fewer had to wait. A flat line is an even server; one that rises at the end stalls now and then. "
        "The processes of a cell are pooled, for drawing only. A line ends where half of its processes have fewer than "
        "20 answers beyond. Left out: what the load generator, not the server, delayed, and stacks that could not keep "
        "up. The stacks that answer soonest are named; point at a grey line for its name."
    ),
    "cpu": (
        "CPU time of all of the server's processes over the requests they completed. Neighbours on the "
        "machine disturb it much less than throughput: a busy neighbour takes time away, but does not add to "
        "the time used."
    ),
    "memory": (
        "Proportional set size of the server's process tree: shared pages count once. The tick is at rest, "
        "before any load; the mark right after the measured load; the bar between them what the load added."
    ),
    "startup": (
        "From starting the process to its first right answer, imports included; each faint dot is one process."
    ),
    "warmup": (
        "One line for each process: throughput over time since the first request, as a share of that "
        "process's own measured part (dashed: 1). Grey is the part that was measured. A line that is still "
        "climbing in the grey was not steady; the words say how most processes of each runtime were classed "
        "from their CPU time per request."
    ),
    "lines": (
        "How much code the implementation in this repository takes, against what it serves. Fewer lines are "
        "not a merit in themselves: frameworks that do more for their users may need more or fewer."
    ),
}

GLOSSARY = [
    (
        "stack",
        "What is started and measured: an implementation, the host that serves it, and its options.",
    ),
    (
        "runtime",
        "The interpreter, with its version.",
    ),
    (
        "workload",
        "The bytes sent, and the bytes that must come back.",
    ),
    (
        "cell",
        "A stack on a runtime under a workload: one row of a table.",
    ),
    (
        "block",
        "One pass over all cells in an order of its own, each cell in a fresh server process.",
    ),
    (
        "process",
        "One fresh server process, measured once. The unit of replication: n counts processes, never requests.",
    ),
    (
        "throughput",
        "Requests (or messages) completed and verified per second, geometric mean over processes.",
    ),
    (
        "95 % interval",
        "From Student's t over the logarithms of the processes' means; ratios from the blocks' log ratios.",
    ),
    (
        "tier",
        "Stacks that are not told apart. A new tier opens where a stack is significantly slower than the "
        "tier's leader (Tukey's HSD, 95 % for the whole ranking) and at least 3 % slower.",
    ),
    (
        "rank interval",
        "From 1 + the number of stacks significantly faster to the count of stacks minus those significantly slower.",
    ),
    (
        "undecided",
        "The interval, corrected for all rows compared at once, holds 1: this run cannot tell.",
    ),
    (
        "client-limited",
        "The load generator, not the server, was the limit. Throughput is a lower bound, and is not ranked.",
    ),
    (
        "steady",
        "CPU time per request had stopped changing before the measured part, by change-point detection over "
        "its windows.",
    ),
    (
        "flagged",
        "Something on the machine made a process's figures doubtful: steal, a busy neighbour, throttling.",
    ),
    (
        "sentinel",
        "One stack measured at the beginning and end of each block. When it moves, the machine did.",
    ),
    (
        "PSS",
        "Proportional set size: memory, with pages that a server's processes share counted once, and without regard "
        "to other programs that have the same files mapped.",
    ),
    (
        "p99",
        "The time within which 99 of 100 answers came.",
    ),
]

METHOD = [
    (
        "Every cell is measured in a fresh server process, once in each block; each block has its own random "
        "order, so that a drift of the machine hits all cells alike. The seed is below, and gives the same "
        "order again."
    ),
    (
        "Where the plan's setting turn s is not 0, the cells of a workload take turns of that length, on all runtimes, "
        "about eighteen at a time: what other guests of the host take of caches and memory then hits all of them alike."
    ),
    (
        "Server and load generator run on separate cores. The load is a closed loop: a fixed number of "
        "connections, each of which asks again as soon as it is answered. Every byte of every answer is "
        "verified; an error is never counted as a request done."
    ),
    (
        "A process is warmed up by requests and by time before it is measured, since PyPy compiles while it "
        "runs. The windows of the warm-up are kept and shown. Whether a process had become steady is found "
        "from its windows afterwards; none is dropped for it."
    ),
    (
        "The process is the unit of replication: intervals are Student's t over the logarithms of the "
        "processes' means. PyPy against CPython is the paired t on the blocks' log ratios, corrected (Holm) "
        "for all ratios read as one list. Tiers are Tukey's HSD on a model of stack and block within a "
        "runtime. There is no composite score."
    ),
    (
        "Before anything is measured, each stack must pass the contract check over a real connection. What "
        "fails it is not measured, and stands in the tables with its reason."
    ),
]

ADAPTIVE = (
    "This run was adaptive: the spread of a cell's first blocks decided, once, how many blocks it got, and its "
    "interval is Stein's two-stage one, with the spread of the first stage. Stopping when an interval happens to look "
    "narrow would make intervals that are too narrow; this does not."
)
"""Said where a run was adaptive."""
