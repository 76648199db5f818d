package jcrosvm.platform.irqchip;

import java.util.Objects;

/** Registers of {@link UserspaceIrqChip}. */
public record UserspaceIrqChipState(PicState pic, IoApicState ioApic, PitState pit) {
    public UserspaceIrqChipState {
        Objects.requireNonNull(pic);
        Objects.requireNonNull(ioApic);
        Objects.requireNonNull(pit);
    }
}
