package jcrosvm.hypervisor.soft.isa;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The table {@code operations.txt} as flat arrays. A cell, found by mode, map, opcode and prefix, has the number of a
 * form; or, negative, where its 16 cells by ModRM begin (8 by reg for memory, 8 for registers), any of which may again
 * point to 8 cells by rm.
 */
final class OperationTable {
    private static final String FILE = "operations.txt";
    /** Maps 0 to 3, then VEX maps 2 and 3. */
    static final int MAPS = 6;

    private static final int CELLS = 2 * MAPS * 256 * 4;

    static final OperationTable TABLE = new OperationTable();

    final Form[] forms;
    /** Four for each form. */
    final long[] letters;

    final byte[] twinKind;
    final short[] twin;
    final boolean[] modrm;
    final short[] cells;

    private final List<Form> building = new ArrayList<>(1500);
    private short[] growing = new short[CELLS + 8192];
    private int used = CELLS;

    private OperationTable() {
        building.add(Form.UNDEFINED);
        List<Row> rows = new ArrayList<>(1100);
        List<Form> first = new ArrayList<>(1100);
        new TableReader(text()).read(rows, first);
        int[] number = new int[rows.size()];
        for (int i = 0; i < number.length; i++) {
            number[i] = building.size();
            building.add(first.get(i));
            for (int condition = 1; rows.get(i).conditional && condition < 16; condition++) {
                building.add(TableReader.conditional(first.get(i), condition));
            }
        }
        int count = building.size();
        for (int i = 0; i < number.length; i++) {
            if (rows.get(i).twin == Row.TWIN_COUNT) {
                count++;
            }
        }
        forms = new Form[count];
        letters = new long[4 * count];
        twinKind = new byte[count];
        twin = new short[count];
        modrm = new boolean[count];
        for (int i = 0; i < building.size(); i++) {
            put(i, building.get(i));
        }
        // Rows that name their prefix go first: the others take what is left. Then those that stand beside another.
        for (int pass = 0; pass < 3; pass++) {
            place(rows, number, pass);
        }
        int next = building.size();
        for (int i = 0; i < number.length; i++) {
            if (rows.get(i).twin == Row.TWIN_COUNT) {
                put(next, TableReader.withoutFlags(forms[number[i]]));
                modrm[next] = modrm[number[i]];
                twinKind[number[i]] = Row.TWIN_COUNT;
                twin[number[i]] = (short) next++;
            }
        }
        cells = Arrays.copyOf(growing, used);
        growing = cells;
    }

    private static byte[] text() {
        try (InputStream in = OperationTable.class.getResourceAsStream(FILE)) {
            if (in == null) {
                throw new IllegalStateException("Resource " + FILE + " is missing from the module");
            }
            return in.readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void put(int number, Form form) {
        forms[number] = form;
        String[] operands = form.operands();
        for (int i = 0; i < operands.length; i++) {
            long code = Letters.parse(operands[i]);
            letters[4 * number + i] = code;
            modrm[number] |= Letters.usesModrm(Letters.method(code));
        }
    }

    static int cell(boolean mode64, int map, int opcode, int column) {
        return (((mode64 ? MAPS : 0) + map) << 8 | opcode) << 2 | column;
    }

    private void place(List<Row> rows, int[] number, int pass) {
        for (int i = 0; i < number.length; i++) {
            Row row = rows.get(i);
            if (pass != (row.besideAnother() ? 2 : row.columns == 0 ? 1 : 0)) {
                continue;
            }
            boolean placed = false;
            for (int n = 0; n < row.count; n++) {
                int form = number[i] + (row.conditional ? n : 0);
                modrm[form] |= row.grouped();
                for (int column = 0; column < 4; column++) {
                    if (row.columns == 0 || (row.columns >> column & 1) != 0) {
                        placed |= place(row, form, row.opcode + n, column);
                    }
                }
            }
            if (!placed) {
                throw new IllegalStateException("Row without a place in the table: " + forms[number[i]]);
            }
        }
    }

    private boolean place(Row row, int form, int opcode, int column) {
        boolean placed = false;
        int map = row.vex ? row.map + 2 : row.map;
        if (!forms[form].has(Form.ONLY_IN_64)) {
            placed = place(row, form, cell(false, map, opcode, column));
        }
        if (!forms[form].has(Form.NOT_IN_64)) {
            placed |= place(row, form, cell(true, map, opcode, column));
        }
        return placed;
    }

    private boolean place(Row row, int form, int cell) {
        if (!row.grouped()) {
            return set(row, form, cell);
        }
        int group = below(cell, 16);
        boolean placed = false;
        for (int i = 0; i < 16; i++) {
            boolean fits = (row.reg < 0 || row.reg == (i & 7)) && (row.mod == 0 || row.mod == 'r' == i >= 8);
            if (fits && row.rm < 0) {
                placed |= set(row, form, group + i);
            } else if (fits) {
                placed |= set(row, form, below(group + i, 8) + row.rm);
            }
        }
        return placed;
    }

    /** The cells that one points to, made if need be. */
    private int below(int cell, int size) {
        if (growing[cell] > 0) {
            throw new IllegalStateException("Row and group at one place: " + forms[growing[cell]]);
        }
        if (growing[cell] == 0) {
            if (used + size > growing.length) {
                growing = Arrays.copyOf(growing, growing.length * 2);
            }
            growing[cell] = (short) -((used - CELLS) / 8 + 1);
            used += size;
        }
        return follow(growing[cell]);
    }

    /** Where the cells begin that a negative one points to. */
    static int follow(int cell) {
        return CELLS + (-cell - 1) * 8;
    }

    private boolean set(Row row, int form, int cell) {
        int there = growing[cell];
        if (row.besideAnother() && there > 0) {
            twinKind[there] = (byte) row.twin;
            twin[there] = (short) form;
            return true;
        }
        if (there == 0) {
            growing[cell] = (short) form;
            return true;
        }
        if (there < 0 && row.columns == 0) {
            boolean placed = false;
            for (int i = 0; i < (cell < CELLS ? 16 : 8); i++) {
                placed |= set(row, form, follow(there) + i);
            }
            return placed;
        }
        if (row.columns != 0) {
            throw new IllegalStateException(
                    "Two rows at one place: " + forms[form] + (there < 0 ? "" : ", " + forms[there]));
        }
        return false;
    }
}
