/**
 * Writes ACPI Machine Language (ACPI 6.3, chapter 20): each method of {@link jcrosvm.boot.acpi.aml.Aml} and {@link
 * jcrosvm.boot.acpi.aml.Resources} gives the bytes of one term, and terms are put together by nesting the calls.
 */
@NullMarked
package jcrosvm.boot.acpi.aml;

import org.jspecify.annotations.NullMarked;
