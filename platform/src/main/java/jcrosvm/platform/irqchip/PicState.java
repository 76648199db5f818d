package jcrosvm.platform.irqchip;

import jcrosvm.base.Limits;

/** Both chips of {@link Pic}. */
public record PicState(Pic8259State master, Pic8259State slave) {
    public PicState {
        Limits.bits("the first PIC's elcr", master.elcr(), Pic.MASTER_ELCR);
        Limits.bits("the second PIC's elcr", slave.elcr(), Pic.SLAVE_ELCR);
    }
}
