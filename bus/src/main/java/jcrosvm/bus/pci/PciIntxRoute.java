package jcrosvm.bus.pci;

/**
 * An interrupt pin of a slot and where it goes, for _PRT and the MP table.
 *
 * @param pin 0 for INTA to 3 for INTD
 */
public record PciIntxRoute(int device, int pin, int gsi) {}
