package jcrosvm.vmm.board;

import jcrosvm.base.Stateful;
import jcrosvm.hypervisor.Vm;

/** The guest's paravirtual clock, which the hypervisor keeps. */
public record GuestClock(Vm vm) implements Stateful<GuestClockState> {
    @Override
    public GuestClockState state() {
        return new GuestClockState(vm.clock());
    }

    @Override
    public void restore(GuestClockState state) {
        vm.clock(state.nanos());
    }
}
