package jcrosvm.platform.pci;

import java.util.List;
import jcrosvm.bus.pci.PciFunction;
import jcrosvm.platform.PvPanic;

/** pvpanic, which every machine has, as with crosvm. */
public final class PvPanicModule implements PciModule<PvPanicConfig> {
    @Override
    public String name() {
        return "pvpanic";
    }

    @Override
    public Class<PvPanicConfig> configType() {
        return PvPanicConfig.class;
    }

    @Override
    public List<PvPanicConfig> defaults() {
        return List.of(new PvPanicConfig());
    }

    @Override
    public PciFunction make(PvPanicConfig config, PciContext context) {
        return new PvPanic(context.power());
    }
}
