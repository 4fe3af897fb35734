"""First run: eight hours of the six-bus grid on real weather, without an operator and with the planner."""

from gridpilot.evaluation import evaluate, table

card = evaluate("six-bus", ("do-nothing", "planner"), episodes=1, cycles=96)

print(f"{'':28} {'do-nothing':>14} {'planner':>14}")
for row in table(card):
    print(f"{row.label + ' ' + row.unit:28} {row.cells[0]:>14} {row.cells[1]:>14}")
