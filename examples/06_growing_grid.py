"""A growing grid: while it is operated, buses, lines, loads and roofs appear at its edge."""

from gridpilot.twin import make_twin

twin = make_twin("six-bus", start="2016-07-04", growth=True, cycle_minutes=15)
network, state = twin.model.scenario.network, twin.first()
for _ in range(twin.world.end_step):
    moved = twin.step(state, state.setpoints)
    for k in moved.events.built[0].nonzero()[0]:
        lines = [name for name, a, b in zip(network.branch_name, network.branch_from, network.branch_to, strict=True) if k in (a, b)]
        there = [name for name in lines if moved.state.branch_active[0, network.branch(name)]]
        print(f"{twin.time(moved.state)}  {network.bus_name[k]:12} by {' and '.join(there):16} {moved.state.bus_active[0].sum():3} buses")
    state = moved.state
