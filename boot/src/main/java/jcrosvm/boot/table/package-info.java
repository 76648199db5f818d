/** Tables for guests that do not use ACPI: the MP configuration table, and SMBIOS. */
@NullMarked
package jcrosvm.boot.table;

import org.jspecify.annotations.NullMarked;
