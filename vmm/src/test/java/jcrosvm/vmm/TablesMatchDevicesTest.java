package jcrosvm.vmm;

import static org.assertj.core.api.Assertions.assertThat;

import jcrosvm.boot.PcDevices.PmBlock;
import jcrosvm.boot.PcDevices.RtcRegisters;
import jcrosvm.platform.AcpiPm;
import jcrosvm.platform.Cmos;
import org.junit.jupiter.api.Test;

/** Tables and devices are modules that do not know each other: what one announces the other must have. */
class TablesMatchDevicesTest {
    @Test
    void powerManagementBlock() {
        assertThat(AcpiPm.PM1_EVENT).isEqualTo(PmBlock.PM1_EVENT);
        assertThat(AcpiPm.PM1_EVENT_LENGTH).isEqualTo(PmBlock.PM1_EVENT_SIZE);
        assertThat(AcpiPm.PM1_CONTROL).isEqualTo(PmBlock.PM1_CONTROL);
        assertThat(AcpiPm.PM1_CONTROL_LENGTH).isEqualTo(PmBlock.PM1_CONTROL_SIZE);
        assertThat(AcpiPm.GPE0).isEqualTo(PmBlock.GPE0);
        assertThat(AcpiPm.GPE0_LENGTH).isEqualTo(PmBlock.GPE0_SIZE);
        assertThat(AcpiPm.SIZE).isEqualTo(PmBlock.SIZE);
        assertThat(AcpiPm.SLP_TYP_S1).isEqualTo(PmBlock.SLEEP_TYPE_S1);
        assertThat(AcpiPm.SLP_TYP_S5).isEqualTo(PmBlock.SLEEP_TYPE_S5);
    }

    @Test
    void clock() {
        assertThat(Cmos.CENTURY).isEqualTo(RtcRegisters.CENTURY);
        assertThat(Cmos.DAY_ALARM).isEqualTo(RtcRegisters.DAY_ALARM);
        assertThat(Cmos.MONTH_ALARM).isEqualTo(RtcRegisters.MONTH_ALARM);
    }
}
