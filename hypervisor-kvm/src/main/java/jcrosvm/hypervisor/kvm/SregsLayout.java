package jcrosvm.hypervisor.kvm;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jcrosvm.hypervisor.x86.DescriptorTable;
import jcrosvm.hypervisor.x86.Segment;
import jcrosvm.hypervisor.x86.SpecialRegisters;

/** struct kvm_sregs: eight segments of 24 bytes, two tables of 16, control registers. */
final class SregsLayout {
    private static final int SEGMENT = 24;
    private static final int GDT = 8 * SEGMENT;
    private static final int IDT = GDT + 16;
    private static final int CR0 = IDT + 16;

    private SregsLayout() {}

    static SpecialRegisters read(MemorySegment s) {
        return new SpecialRegisters(
                segment(s, 0),
                segment(s, 1),
                segment(s, 2),
                segment(s, 3),
                segment(s, 4),
                segment(s, 5),
                segment(s, 6),
                segment(s, 7),
                table(s, GDT),
                table(s, IDT),
                s.get(ValueLayout.JAVA_LONG, CR0),
                s.get(ValueLayout.JAVA_LONG, CR0 + 8),
                s.get(ValueLayout.JAVA_LONG, CR0 + 16),
                s.get(ValueLayout.JAVA_LONG, CR0 + 24),
                s.get(ValueLayout.JAVA_LONG, CR0 + 32),
                s.get(ValueLayout.JAVA_LONG, CR0 + 40),
                s.get(ValueLayout.JAVA_LONG, CR0 + 48));
    }

    static void write(SpecialRegisters r, MemorySegment s) {
        Segment[] segments = {r.cs(), r.ds(), r.es(), r.fs(), r.gs(), r.ss(), r.tr(), r.ldt()};
        for (int i = 0; i < segments.length; i++) {
            segment(s, i, segments[i]);
        }
        table(s, GDT, r.gdt());
        table(s, IDT, r.idt());
        long[] control = {r.cr0(), r.cr2(), r.cr3(), r.cr4(), r.cr8(), r.efer(), r.apicBase()};
        for (int i = 0; i < control.length; i++) {
            s.set(ValueLayout.JAVA_LONG, CR0 + 8L * i, control[i]);
        }
    }

    private static Segment segment(MemorySegment s, int index) {
        long at = (long) index * SEGMENT;
        return new Segment(
                s.get(ValueLayout.JAVA_SHORT, at + 12) & 0xFFFF,
                s.get(ValueLayout.JAVA_LONG, at),
                s.get(ValueLayout.JAVA_INT, at + 8),
                s.get(ValueLayout.JAVA_BYTE, at + 14),
                flag(s, at + 15),
                s.get(ValueLayout.JAVA_BYTE, at + 16),
                flag(s, at + 17),
                flag(s, at + 18),
                flag(s, at + 19),
                flag(s, at + 20),
                flag(s, at + 21),
                flag(s, at + 22));
    }

    private static void segment(MemorySegment s, int index, Segment v) {
        long at = (long) index * SEGMENT;
        s.set(ValueLayout.JAVA_LONG, at, v.base());
        s.set(ValueLayout.JAVA_INT, at + 8, v.limit());
        s.set(ValueLayout.JAVA_SHORT, at + 12, (short) v.selector());
        s.set(ValueLayout.JAVA_BYTE, at + 14, (byte) v.type());
        flag(s, at + 15, v.present());
        s.set(ValueLayout.JAVA_BYTE, at + 16, (byte) v.dpl());
        flag(s, at + 17, v.defaultSize());
        flag(s, at + 18, v.codeOrData());
        flag(s, at + 19, v.longMode());
        flag(s, at + 20, v.granularity());
        flag(s, at + 21, v.available());
        flag(s, at + 22, v.unusable());
    }

    private static DescriptorTable table(MemorySegment s, long at) {
        return new DescriptorTable(s.get(ValueLayout.JAVA_LONG, at), s.get(ValueLayout.JAVA_SHORT, at + 8) & 0xFFFF);
    }

    private static void table(MemorySegment s, long at, DescriptorTable v) {
        s.set(ValueLayout.JAVA_LONG, at, v.base());
        s.set(ValueLayout.JAVA_SHORT, at + 8, (short) v.limit());
    }

    private static boolean flag(MemorySegment s, long at) {
        return s.get(ValueLayout.JAVA_BYTE, at) != 0;
    }

    private static void flag(MemorySegment s, long at, boolean value) {
        s.set(ValueLayout.JAVA_BYTE, at, (byte) (value ? 1 : 0));
    }
}
