"""What if: several orders on the same forecast, beside doing nothing, before anyone gives them."""

from gridpilot.twin import make_twin
from gridpilot.values import Action

twin = make_twin("six-bus", start="2016-07-04", cycles=288)
state = twin.first()
for _ in range(12 * 12):
    state = twin.step(state, state.setpoints).state

ideas = {
    "charge the battery": [Action("STORAGE", "BESS-SUBURB", {"setpoint_mw": 30})],
    "discharge the battery": [Action("STORAGE", "BESS-SUBURB", {"setpoint_mw": -30})],
    "curtail the sun": [Action("CURTAIL", "B0-SOLAR", {"limit_mw": 40})],
    "open line LN03": [Action("TOPOLOGY", "LN03", {"status": "open"})],
}
preview = twin.preview(state, list(ideas.values()), horizon=12)
print(f"{twin.time(state)}, one hour ahead{'':14} reward   highest loading   lowest voltage")
for idea, seen in zip(("do nothing", *ideas), (preview.nothing, *preview.candidates), strict=True):
    print(f"  {idea:40} {seen.reward:7.2f}   {100 * seen.max_loading:13.0f} %   {seen.min_v_pu:11.3f} pu")
