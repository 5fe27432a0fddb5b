// Checks the signature of a webhook's call: WEBHOOK_SECRET=... go run verify.go SIGNATURE < body
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
)

func isValid(secret, body []byte, signature string) bool {
	given, err := hex.DecodeString(signature)
	if err != nil {
		return false
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write(body)
	return hmac.Equal(mac.Sum(nil), given)
}

func main() {
	body, err := io.ReadAll(os.Stdin)
	if err != nil || len(os.Args) < 2 || !isValid([]byte(os.Getenv("WEBHOOK_SECRET")), body, os.Args[1]) {
		fmt.Println("WRONG")
		os.Exit(1)
	}
	fmt.Println("valid")
}
