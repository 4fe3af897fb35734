"""What a grid agent is told of itself when an episode begins."""

from __future__ import annotations

import numpy as np

from gridpilot.agents.grid import DirectOrder, KindSheet, Sheet
from gridpilot.envs.microgrids.config import MicrogridsConfig
from gridpilot.envs.microgrids.members import Member, Members
from gridpilot.envs.microgrids.places import Places
from gridpilot.messages.steps.settings import LOCKSTEP
from gridpilot.twin.model import Model


def make_sheet(member: Member, places: Places, members: Members, model: Model, config: MicrogridsConfig, weights: list[float]) -> Sheet:
    """`weights` are those of its neighbours in an agreement."""
    kinds = []
    for k, own in places.kinds:
        kind = model.kinds[k]
        names = [model.scenario.tables[kind.name].name[one] for one in own]
        parameters = {field: np.asarray(values)[own].tolist() for field, values in model.parameters(kind.name)._asdict().items()}
        kinds.append(KindSheet(kind.name, names, parameters, dict(members.wishes[kind.name])))
    direct = member.own.direct
    orders = (column.tolist() for column in (direct.device, direct.reactive, direct.low, direct.high))
    return Sheet(
        role=member.name,
        dt_h=model.dt_h,
        kinds=kinds,
        vertical=config.vertical,
        options=dict(config.vertical_options),
        low_mw=member.own.low_mw.tolist(),
        high_mw=member.own.high_mw.tolist(),
        direct=[DirectOrder(*order) for order in zip(*orders, strict=True)],
        uncoordinated=sorted(set(range(len(member.devices))) - set(member.own.powers.tolist())),
        weights=weights,
        trades=members.trades,
        hold_s=None if config.step_mode == LOCKSTEP or config.hosts == "here" else config.hold_cycles * config.deadline_s,
    )
