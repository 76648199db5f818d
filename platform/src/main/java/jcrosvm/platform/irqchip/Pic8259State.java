package jcrosvm.platform.irqchip;

import jcrosvm.base.Limits;

/**
 * One 8259A. Sets of inputs have bit n for input n.
 *
 * @param lines inputs that are high
 * @param irr interrupt request register
 * @param isr in-service register
 * @param imr interrupt mask register
 * @param elcr inputs that are level-triggered
 * @param top the input of highest priority
 * @param vectorBase upper five bits of the vectors
 * @param initStep number of the initialization word that is expected next, 0 when there is none
 */
public record Pic8259State(
        int lines,
        int irr,
        int isr,
        int imr,
        int elcr,
        int top,
        int vectorBase,
        int initStep,
        boolean needsIcw4,
        boolean single,
        boolean autoEoi,
        boolean rotateOnAutoEoi,
        boolean specialMask,
        boolean specialFullyNested,
        boolean readIsr,
        boolean poll) {
    public Pic8259State {
        Limits.bits("the PIC's lines", lines, 0xff);
        Limits.bits("the PIC's irr", irr, 0xff);
        Limits.bits("the PIC's isr", isr, 0xff);
        Limits.bits("the PIC's imr", imr, 0xff);
        Limits.bits("the PIC's elcr", elcr, 0xff);
        Limits.range("the PIC's top input", top, 0, 7);
        Limits.bits("the PIC's vector base", vectorBase, 0xf8);
        Limits.range("the PIC's initialization step", initStep, 0, 4);
        if (initStep == 1) {
            throw new IllegalArgumentException("the PIC's initialization step is 1, which takes no time");
        }
    }
}
