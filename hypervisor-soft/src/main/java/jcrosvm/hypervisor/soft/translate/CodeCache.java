package jcrosvm.hypervisor.soft.translate;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import jcrosvm.base.io.ExecutableMemory;
import jcrosvm.hypervisor.soft.isa.Decoder;
import jcrosvm.hypervisor.soft.mmu.CodePages;
import jcrosvm.hypervisor.soft.mmu.Tlb;
import org.jspecify.annotations.Nullable;

/**
 * The translated blocks of one processor and the jumps between them. Memory is not used again before everything is
 * thrown away at once.
 *
 * <p>A jump within a page stays right as long as the page is mapped where it is, and whoever changes that leaves the
 * code. Jumps to other pages and the jump cache live as long as the TLB remembers the pages.
 */
final class CodeCache implements CodePages.Listener, Tlb.Listener, AutoCloseable {
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED;
    private static final int TABLE = 1 << 16;

    final Sites sites = new Sites();
    final Stubs stubs;
    final JumpCache jumps;

    private final ExecutableMemory memory;
    private final int size;
    private final int start;
    private int used;
    /** Counts how often everything was thrown away. */
    private int generation;

    private final @Nullable Block[] table = new @Nullable Block[TABLE];
    private final Map<Long, List<Block>> pages = new HashMap<>();

    // Linked jumps to other pages.
    private final PageLinks globalLinks = new PageLinks();
    private final PageLinks localLinks = new PageLinks();

    CodeCache(MemorySegment state, int size) {
        this.size = size;
        memory = ExecutableMemory.allocate("jcrosvm-code", size);
        jumps = new JumpCache(state);
        Assembler assembler = new Assembler();
        stubs = new Stubs(assembler);
        assembler.copyTo(memory.segment(), 0);
        start = assembler.position() + 63 & -64;
        used = start;
    }

    /** Host address of an offset. */
    long address(int offset) {
        return memory.address() + offset;
    }

    int generation() {
        return generation;
    }

    /** Offset for the next block's code, after making room for a long one. */
    int reserve(int length) {
        if (used + length > size) {
            flush();
        }
        return used;
    }

    void write(Assembler code) {
        code.copyTo(memory.segment(), used);
        used += code.position() + 15 & -16;
    }

    private void flush() {
        Arrays.fill(table, null);
        pages.clear();
        sites.clear();
        globalLinks.clear();
        localLinks.clear();
        jumps.clear();
        used = start;
        generation++;
    }

    private static int slot(long linear, int mode) {
        long hash = (linear + mode) * 0x9e3779b97f4a7c15L;
        return (int) (hash >>> 48);
    }

    @Nullable
    Block find(long linear, long page, int mode) {
        Block block = table[slot(linear, mode)];
        while (block != null && (block.linear != linear || block.page != page || block.mode != mode)) {
            block = block.nextInTable;
        }
        return block;
    }

    void add(Block block) {
        int slot = slot(block.linear, block.mode);
        block.nextInTable = table[slot];
        table[slot] = block;
        enter(block.page, block);
        if (block.second != Block.ONE_PAGE) {
            enter(block.second, block);
        }
    }

    private void enter(long page, Block block) {
        pages.computeIfAbsent(page, p -> new ArrayList<>()).add(block);
    }

    // Links

    /** Makes the jump of a {@link Sites#LINK} go to a block. */
    void link(int site, Block to, boolean global) {
        if (to.linksAreFull()) {
            compactLinks(to);
        }
        to.addLink(site);
        if ((sites.info(site) & Sites.SAME_PAGE) == 0
                || sites.address(site) != to.page
                || to.second != Block.ONE_PAGE) {
            (global ? globalLinks : localLinks).add(site, to.linear, to.linear + to.length - 1);
        }
        set(sites.where(site), destination(site, to));
    }

    private int destination(int site, Block to) {
        return (sites.info(site) & Sites.NATIVE_FLAGS) != 0 ? to.nativeEntry : to.entry;
    }

    private void set(int slot, int target) {
        memory.segment().set(INT, slot, target - (slot + 4));
    }

    private void unlink(int site) {
        set(sites.where(site), sites.stub(site));
    }

    private void compactLinks(Block to) {
        int kept = 0;
        int[] links = to.links();
        for (int i = 0; i < to.linkCount(); i++) {
            int slot = sites.where(links[i]);
            if (memory.segment().get(INT, slot) == destination(links[i], to) - (slot + 4)) {
                links[kept++] = links[i];
            }
        }
        to.linkCount(kept);
    }

    void jump(int context, Block to, boolean global) {
        jumps.put(context, to.linear, address(to.entry), global);
    }

    // What others tell

    @Override
    public void flushed(boolean globalToo) {
        if (globalToo) {
            jumps.clear();
            globalLinks.removeAll(this::unlink);
        } else {
            jumps.clearLocal();
        }
        localLinks.removeAll(this::unlink);
    }

    @Override
    public void flushed(long linear, long length) {
        // Also what begins just before the range and may end in it.
        jumps.clearRange(linear - Decoder.MAX_LENGTH, length + Decoder.MAX_LENGTH);
        globalLinks.remove(linear, length, this::unlink);
        localLinks.remove(linear, length, this::unlink);
    }

    @Override
    public void codeChanged(long page, int offset, int length) {
        List<Block> blocks = pages.get(page);
        if (blocks == null) {
            return;
        }
        int kept = 0;
        for (Block block : blocks) {
            if (block.dropped) {
                continue;
            }
            if (block.overlaps(page, offset, length)) {
                drop(block);
            } else {
                blocks.set(kept++, block);
            }
        }
        blocks.subList(kept, blocks.size()).clear();
    }

    /** Nothing leads to the block any more. */
    void drop(Block block) {
        block.dropped = true;
        int[] links = block.links();
        for (int i = 0; i < block.linkCount(); i++) {
            unlink(links[i]);
        }
        jumps.remove(Translator.context(block.mode), block.linear);
        int slot = slot(block.linear, block.mode);
        Block before = null;
        for (Block b = table[slot]; b != block; b = b.nextInTable) {
            if (b == null) {
                return;
            }
            before = b;
        }
        if (before == null) {
            table[slot] = block.nextInTable;
        } else {
            before.nextInTable = block.nextInTable;
        }
    }

    @Override
    public void close() {
        memory.close();
    }
}
