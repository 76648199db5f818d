package jcrosvm.hypervisor.x86;

import java.util.Map;

/**
 * A processor's whole state, for restoring it with the hypervisor that made it.
 *
 * @param parts opaque structures by name, such as {@code xsave}
 */
public record VcpuState(Registers registers, SpecialRegisters specialRegisters, Map<String, byte[]> parts) {}
