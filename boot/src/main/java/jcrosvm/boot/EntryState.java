package jcrosvm.boot;

import jcrosvm.hypervisor.x86.Registers;
import jcrosvm.hypervisor.x86.SpecialRegisters;

/** The registers that the first vCPU starts with; {@code null} stands for the processor's own reset state. */
public record EntryState(Registers registers, SpecialRegisters specialRegisters) {}
